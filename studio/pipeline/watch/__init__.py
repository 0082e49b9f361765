"""The watch: polls providers for the jobs that they have."""
