"""From a checkout to its effective production settings: the project's own interpreter loads them, in isolation."""
