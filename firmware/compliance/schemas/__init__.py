"""JSON Schemas of the files that people write: rule packs and overlays, histories. Made by `branchline policy schema`."""
