// host __MODULES__
