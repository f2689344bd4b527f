"""Who may see private content: short signatures, CloudFront-compatible links and cookies, and the keys behind them."""
