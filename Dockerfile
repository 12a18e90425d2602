# syntax=docker/dockerfile:1
# The image of `spikegate`. `npm run image` plays these instructions where there is no engine (tools/image/dockerfile.ts);
# it refuses an instruction that it does not know.
FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS system
COPY tools/image/system.sh /
RUN sh /system.sh /system

FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY tools/image/trim.ts tools/image/
COPY src src
COPY webhooks webhooks
COPY certs certs
RUN npm run build && npm prune --omit=dev && node tools/image/trim.ts node_modules

FROM scratch
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="spikegate" \
  org.opencontainers.image.description="Flash sales on Kubernetes: admission server and reconcilers" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.source="${SOURCE}"
COPY --from=system /system /
WORKDIR /app
ENV PATH=/usr/local/bin
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# A number: a kubelet cannot tell from a name whether it is root.
USER 65532:65532
EXPOSE 9443 8080
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["serve"]
