"""What the callee meant and named: text in, intents with confidence and slots out. Pure; the trained model is package data."""
