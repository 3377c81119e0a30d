"""Image2StyleGAN (ICCV 2019) and Image2StyleGAN++ (CVPR 2020), Abdal, Qin and Wonka.

Read in this order: ``losses`` (the terms of equation 1 of the LOHO paper), ``crossover`` (what they compare,
for a tuple), ``method``.
"""
