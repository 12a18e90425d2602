# syntax=docker/dockerfile:1
# The image of `spikegate`. test/image plays these instructions where there is no engine: what it does not know it refuses.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY webhooks webhooks
COPY certs certs
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="spikegate" \
  org.opencontainers.image.description="Flash sales on Kubernetes: admission server and reconcilers" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.source="${SOURCE}"
# Nothing in it installs anything.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# A number: a kubelet cannot tell from a name whether it is root.
USER 65532:65532
EXPOSE 9443 8080
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["serve"]
