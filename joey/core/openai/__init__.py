"""The dialect that clients speak, read but never rewritten."""
