"""What is published once a week, a month and a quarter: made of what was known at the close, and never typed. Pure."""
