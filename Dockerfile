# SPDX-License-Identifier: MIT
FROM node:24.21.0-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Node, PostgreSQL and NATS come as images of their own here, so their npm packages (optional ones) stay out.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY LICENSE ./
COPY bin bin
COPY db db
COPY src src
RUN mkdir /data && chown node:node /data
USER node
ENV TMIDB_DATA=/data TMIDB_HOST=0.0.0.0
VOLUME /data
EXPOSE 8080 1883
HEALTHCHECK --start-period=60s CMD ["node", "-e", "require(process.env.TMIDB_TLS_CERT ? 'https' : 'http').get({ port: process.env.TMIDB_HTTP_PORT || 8080, path: '/health/ready', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "bin/tmictl.cjs"]
CMD ["start"]
