"""The rule packs that ship with the firmware, one TOML file each: data only."""
