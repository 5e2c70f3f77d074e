"""What every lab shares: runner, knobs, canvas, pictures and stills."""
