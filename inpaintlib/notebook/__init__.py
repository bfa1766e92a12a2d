"""What only a notebook needs: its session, checks of exercises, figures, sliders."""
