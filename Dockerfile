# docker build -t sightline . && docker run -p 127.0.0.1:8000:8000 -v ./config:/config:ro -v sightline:/data --env-file .env sightline
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /app && /app/bin/pip install --no-cache-dir .

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home sightline && install -d -o sightline /data
COPY --from=build /app /app
USER sightline
ENV PATH=/app/bin:$PATH SIGHTLINE_CONFIG=/config SIGHTLINE_DATABASE_URL=sqlite:////data/sightline.db PYTHONUNBUFFERED=1
VOLUME /data
ENTRYPOINT ["sightline"]
CMD ["sync"]
