"""Share links and what guests wrote behind them, as the API gives them."""
