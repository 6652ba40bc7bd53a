"""The doctor: what this machine and every configured endpoint are like, each fault with its fix. Changes nothing."""
