FASTER = 20  # goes the clock of ``sped_up``, which only the site itself imports: it changes what it touches
