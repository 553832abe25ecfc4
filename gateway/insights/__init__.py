"""What happens, as figures: questions to ClickHouse, what is made of their rows, and the routes that answer them."""
