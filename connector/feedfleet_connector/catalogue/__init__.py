"""The catalogue of exchanges: endpoints, streams and limits, each figure with its source and date."""

from feedfleet_connector.catalogue.catalogue import CatalogueError, Figure, VenueMarket, Window, load_catalogue, lookup

__all__ = ["CatalogueError", "Figure", "VenueMarket", "Window", "load_catalogue", "lookup"]
