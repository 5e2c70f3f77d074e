"""What chapters are made of: contents, ledger, exercises, predictions, races and formulas."""
