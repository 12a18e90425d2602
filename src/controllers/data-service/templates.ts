// The built-in configuration files of a DataService's components, and their placeholders. Pure. A ConfigMap never
// contains a password: the files read environment variables, and those come from a Secret.

import { initScripts } from '../../api/data-service-parts.ts';
import { own } from '../../runtime/own-keys.ts';

/** Values of the placeholders, by the name between {{ and }}. */
export type Values = Readonly<Record<string, string>>;

const placeholder = /\{\{\s*([a-z][a-zA-Z.-]*)\s*\}\}/g;

/** Replaces the known placeholders only: braces with another name are part of the file. */
export const render = (template: string, values: Values): string =>
  template.replace(placeholder, (whole, name: string) => own(values, name) ?? whole);

/** The environment variables with which services and mysql log in to the database. */
const variables = { user: 'MYSQL_USER', password: 'MYSQL_PASSWORD' } as const;

function application(name: string, port: number, database: string): string {
  return `server:
  port: ${port}
spring:
  application:
    name: ${name}
  datasource:
    url: jdbc:mysql://{{mysql.url}}/${database}?useUnicode=true&characterEncoding=utf8
    username: {{mysql.user}}
    password: {{mysql.password}}
eureka:
  client:
    serviceUrl:
      defaultZone: {{eureka.url}}
uuc:
  url: {{uuc.url}}
dataservice:
  namespace: {{namespace}}
`;
}

const databases = initScripts.map((file) => file.replace(/^\d+-|\.sql$/g, '').replaceAll('-', '_'));

/** Each init script creates one database. A component without an own database uses that of the gateway. */
function databaseOf(component: string): string {
  const own = component.replaceAll('-', '_');
  return databases.includes(own) ? own : 'gateway';
}

const myCnf = `[mysqld]
character-set-server = utf8mb4
collation-server = utf8mb4_unicode_ci
lower_case_table_names = 1
max_connections = 1000
skip-name-resolve
`;

const python = `# Read by the adapter's scripts.
import os

MYSQL_URL = "{{mysql.url}}"
MYSQL_USER = os.environ["${variables.user}"]
MYSQL_PASSWORD = os.environ["${variables.password}"]
EUREKA_URL = "{{eureka.url}}"
UUC_URL = "{{uuc.url}}"
NAMESPACE = "{{namespace}}"
`;

const appConfig = `window.appConfig = {
  namespace: "{{namespace}}",
  apiBase: "/api",
};
`;

const nginx = `server {
  listen {{web.port}};
  root /usr/share/nginx/html;

  location /api/ {
    proxy_pass http://{{gateway-web.url}}/;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
  }

  location / {
    try_files $uri $uri/ /index.html;
  }
}
`;

/** The text of a file before its placeholders are replaced. */
export function templateOf(component: string, file: string, port: number): string {
  if (file === 'application.yml') return application(component, port, databaseOf(component));
  if (file === 'my.cnf') return myCnf;
  if (file === 'config.py') return python;
  if (file === 'app.config.js') return appConfig;
  if (file === 'default.conf.template') return nginx;
  const script = (initScripts as readonly string[]).indexOf(file);
  if (script < 0) return '';
  return `CREATE DATABASE IF NOT EXISTS ${databases[script]} DEFAULT CHARACTER SET utf8mb4;\n`;
}
