"""The model of `audio.dsp.answer`, written by `python -m benchmarks.answer_training`: do not edit."""

BIAS = -1.1238
WEIGHTS = (
    0.7500,  # talk
    0.0000,  # talk_over_1
    0.0000,  # talk_over_2
    1.7095,  # talk_over_3
    2.3565,  # longest_over_1
    0.0000,  # longest_over_2
    -1.4618,  # quiet
    -2.4869,  # waited
    1.5224,  # waited_talk_over_1
    0.0000,  # waited_talk_over_2
    -0.7408,  # turns
)
