"""instructuie."""
