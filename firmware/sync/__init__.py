"""MQTT between box and console: topics, signed messages, uplink with receipts, downlink after commit."""
