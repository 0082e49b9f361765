FROM python:3.11-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1
RUN pip install --no-cache-dir uv==0.9.9
WORKDIR /app
COPY requirements.lock .
RUN uv venv /venv && VIRTUAL_ENV=/venv uv pip install --no-cache --compile-bytecode -r requirements.lock
COPY . .
RUN STATIC_ROOT=/app/collected VAR_DIR=/tmp/build /venv/bin/python manage.py collectstatic --noinput -v 0 \
 && /venv/bin/python -m compileall -q avatarsite billing studio

FROM python:3.11-slim-bookworm
# Joins the letters of Arabic, Hebrew and Indian captions that are drawn into a video.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libfribidi0 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /data studio
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# All that is written lies in /data and /tmp: the root may be read-only.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/collected VAR_DIR=/data/var
VOLUME /data
USER 10001
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
# In its form without a shell, so that a stop reaches the process itself.
CMD ["python", "manage.py", "web", "--bind", "0.0.0.0:8000", "--processes", "2"]
