"""Building blocks shared by the autoencoder backbones and the MIM."""
