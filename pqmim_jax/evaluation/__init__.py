"""Rate and distortion of a codec on a folder of pictures, beside JPEG and WebP."""
