${RUN}perl perl.pl
