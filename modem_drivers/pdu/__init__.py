"""Short messages as octets (3GPP TS 23.038, 23.040): bytes in, values out, and back; pure, and safe on any bytes."""
