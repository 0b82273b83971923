"""labkit: an e-mail laboratory in a notebook."""
