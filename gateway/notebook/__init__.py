"""The notebooks' package for students' machines: its wheels, and the routes that serve them."""
