"""The weights of `answer_evidence`, written by `python -m benchmarks.answer_weighing`: do not edit."""

BIAS = -0.3108
WEIGHTS = (
    0.5861,  # words
    0.0390,  # talk
    0.0000,  # talk_over_1
    0.4957,  # talk_over_2
    0.2428,  # talk_over_3
    0.0000,  # longest_over_1
    0.0000,  # longest_over_2
    -0.6995,  # turns
)
