// Makes Grafana dashboards (JSON) from panels. Pure and deterministic: the same panels give the same text, so an
// unchanged dashboard is not written again. Knows no metric.

export interface Query {
  expr: string;
  legendFormat: string;
}

export interface Panel {
  title: string;
  description: string;
  /** A Grafana unit: short, s, reqps, percentunit, bytes … */
  unit: string;
  queries: readonly Query[];
  /** Default: timeseries. */
  type?: 'timeseries' | 'stat';
  /** Number of columns, of 24. Default: 12 for a timeseries, 6 for a stat. */
  width?: number;
  /** Values may be below 0, so the axis has no minimum of 0. */
  isSigned?: boolean;
}

/** A selection at the top of a dashboard: values of a label, all of them by default. */
export interface Variable {
  name: string;
  label: string;
  /** label_values(…) */
  query: string;
}

export interface Dashboard {
  /** At most 40 characters. Identifies the dashboard in Grafana. */
  uid: string;
  title: string;
  tags: readonly string[];
  variables?: readonly Variable[];
  panels: readonly Panel[];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in
const datasource = { type: 'prometheus', uid: '${datasource}' };
const columns = 24;

/** The oldest schema with everything that is used here: Grafana 8.5 and later. */
const schemaVersion = 36;

export function dashboardOf({ uid, title, tags, variables = [], panels }: Dashboard): object {
  return {
    uid: uid.slice(0, 40),
    title,
    tags: ['spikegate', ...tags],
    schemaVersion,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        ...variables.map(renderVariable),
      ],
    },
    panels: placed(panels),
  };
}

function renderVariable({ name, label, query }: Variable): object {
  return {
    name,
    label,
    query,
    datasource,
    type: 'query',
    definition: query,
    // 2: refresh when the time range changes, since label values come and go.
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

/** Places panels from left to right. A panel that does not fit starts a new row. */
function placed(panels: readonly Panel[]): object[] {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  return panels.map((panel, index) => {
    const isStat = panel.type === 'stat';
    const { width: w = isStat ? 6 : 12 } = panel;
    const h = isStat ? 4 : 8;
    if (x + w > columns) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const gridPos = { x, y, w, h };
    x += w;
    rowHeight = Math.max(rowHeight, h);
    return renderPanel(panel, index + 1, gridPos);
  });
}

function renderPanel(panel: Panel, id: number, gridPos: object): object {
  const { title, description, unit, queries, type = 'timeseries', isSigned } = panel;
  return {
    id,
    type,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: { defaults: isSigned ? { unit } : { unit, min: 0 }, overrides: [] },
    options:
      type === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'none' }
        : { tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map((query, number) => ({
      ...query,
      datasource,
      refId: String.fromCharCode(65 + number),
    })),
  };
}
