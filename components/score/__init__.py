"""Answers a whole file: streaming batches through the contract and the model, refused rows set aside, resumable."""
