${RUN}python3 python.py
