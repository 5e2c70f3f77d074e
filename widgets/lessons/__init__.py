"""What chapters ask: bets that keep their secret, and patients to cure."""
