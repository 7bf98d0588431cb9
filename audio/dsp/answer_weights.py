"""The weights of `answer_evidence`, by `python -m benchmarks.answer_weighing`; the last two or three of each by hand.

Why: docs/answer-classification.md, "How the shipped weights came about".
"""

BIAS = -0.7466
WEIGHTS = (
    0.3572,  # words
    0.1455,  # talk
    0.0000,  # talk_over_1
    0.5643,  # talk_over_2
    0.3935,  # talk_over_3
    0.1193,  # longest_over_1
    0.0000,  # longest_over_2
    -0.4591,  # turns
    -1.2000,  # short
)

BIAS_WITH_TEXT = -0.3300
WEIGHTS_WITH_TEXT = (
    0.3500,  # said
    0.4200,  # said_surely
    0.2400,  # words
    0.0000,  # talk
    0.0000,  # talk_over_1
    0.4400,  # talk_over_2
    0.3000,  # talk_over_3
    0.1800,  # longest_over_1
    0.0000,  # longest_over_2
    -0.6000,  # turns
    -1.2000,  # short
    0.8000,  # talk_unknown
)
