#!/bin/sh
# What a database image does when it starts: an empty volume gets its system tables, the administrator's password and the
# scripts that are mounted.
set -eu
data=/var/lib/mysql
if [ ! -d "$data/mysql" ]; then
  mariadb-install-db --user=root --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
  {
    # Accounts without a password.
    echo "DELETE FROM mysql.global_priv WHERE Host <> 'localhost' OR User = '';"
    echo "FLUSH PRIVILEGES;"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
    echo "CREATE USER 'root'@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
    echo "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    for script in /docker-entrypoint-initdb.d/*.sql; do [ -f "$script" ] && cat "$script"; done
    # The file is one list of statements: those of the scripts end with a semicolon each.
  } >/tmp/init.sql
  set -- --init-file=/tmp/init.sql "$@"
fi
exec mariadbd --user=root --datadir="$data" --socket=/tmp/mysqld.sock --bind-address=0.0.0.0 "$@"
