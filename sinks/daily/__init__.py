"""The daily aggregates of tutorials, kept equal to what the versions in the tables say."""
