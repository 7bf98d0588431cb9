"""What the ten digits are called: one place for what is spoken, expected from a recogniser, and understood."""

ZH = "零一二三四五六七八九"
EN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ALSO_ZH = {"幺": 1, "两": 2}
"""As telephone numbers say one, and as one counts two of something."""
ALSO_EN = {"oh": 0}
