// What a person does with kubectl, in the order they would: one row of docs/kubectl.md each, with what kubectl must
// print. The objects are a sale's, from manifests/, and built-in ones.

export interface Row {
  section: string;
  /** Arguments as typed; words in single quotes stay together. */
  command: string;
  expected: RegExp;
  /** kubectl's exit code; 0 unless given. */
  code?: number;
  /** A watch: followed until `expected`, while this other command runs. */
  meanwhile?: string;
  /** A sed expression that plays the editor. */
  edit?: string;
}

const rows: Row[] = [];
const section = (name: string, ...of: Omit<Row, 'section'>[]) => {
  for (const row of of) rows.push({ section: name, ...row });
};
const is = (command: string, expected: RegExp, more: Partial<Row> = {}) => ({ command, expected, ...more });
const fails = (command: string, expected: RegExp, more: Partial<Row> = {}) => ({
  command,
  expected,
  code: 1,
  ...more,
});

section(
  'Kinds',
  is('apply -f crd', /spikegoods.myapp.spike.com created/),
  is('wait --for=condition=Established crd --all', /spikegoods.myapp.spike.com condition met/),
  is('get crd', /spikegoods.myapp.spike.com +Namespaced +v1\(storage\)/),
  is('describe crd spikegoods.myapp.spike.com', /Plural: +spikegoods/),
  is('api-resources --api-group=myapp.spike.com', /spikegoods .*myapp.spike.com.* SpikeGoods/),
  is('api-resources', /deployments +deploy +apps/),
  is('api-resources --verbs=list --namespaced -o name', /spikeorders.myapp.spike.com/),
  is('api-versions', /^myapp.spike.com\/v1$/m),
  is('explain deployment.spec.strategy.rollingUpdate', /maxSurge/),
  is('version', /Server Version/),
  is('cluster-info', /is running at/),
  is('get --raw /readyz', /^ok/),
);

section(
  'Create',
  is('create namespace sale', /namespace\/sale created/),
  is('config set-context --current --namespace=sale', /modified/),
  is('create --dry-run=server -f sale.yaml', /goods1 created \(server dry run\)/),
  is('create -f sale.yaml', /spikegoods.myapp.spike.com\/goods1 created/),
  fails('create -f sale.yaml', /\(AlreadyExists\).*"goods1" already exists/s),
  fails('create -f bad.yaml', /price/),
  fails('create --validate=false -f bad.yaml', /spec.price in body must be of type integer: "string"/),
  is('create configmap settings --from-literal=a=1', /created/),
  is('create secret generic key --from-literal=a=1', /created/),
  is('create serviceaccount shop', /created/),
  is('create role reader --verb=get --resource=spikegoods.myapp.spike.com', /created/),
  is('create rolebinding reader --role=reader --serviceaccount=sale:shop', /created/),
  is('create deployment web --image=nginx:1.25 --replicas=2', /created/),
  is('create service clusterip web --tcp=80', /created/),
  is('create poddisruptionbudget web --selector=app=web --min-available=1', /created/),
);

section(
  'Read',
  is('get spikegoods', /NAME +GOODS +PRICE.*\ngoods1 +iphone 13 +8/),
  is('get spikegoods,spikeorders -o wide', /goods1 +iphone 13/),
  is('get spikegoods goods1 -o yaml', /kind: SpikeGoods/),
  is('get spikegoods goods1 -o json', /"kind": "SpikeGoods"/),
  is('get spikegoods -o jsonpath={.items[*].spec.stockCount}', /^5$/),
  is('get spikegoods -o custom-columns=N:.metadata.name,P:.spec.price', /N +P\s+goods1 +10/),
  is('get spikegoods -o name', /^spikegoods.myapp.spike.com\/goods1$/m),
  is('get spikegoods --show-labels', /LABELS\s+goods1.*<none>/),
  is('get spikegoods -A --sort-by=.spec.price', /sale +goods1/),
  is('get sellers,buyers --field-selector=metadata.name=buyer1', /buyer1/),
  is('get configmaps -l a!=b --chunk-size=1', /settings/),
  is('get deploy,svc,sa,role,rolebinding,pdb,secret', /deployment.apps\/web/),
  is('get all', /deployment.apps\/web/),
  fails('get spikegoods absent', /\(NotFound\).*spikegoods.myapp.spike.com "absent" not found/),
  fails('get absent', /the server doesn't have a resource type "absent"/),
  is('describe spikegoods goods1', /Goods Name: +iphone 13/),
  is('describe deployment web', /StrategyType: +RollingUpdate/),
  is('describe namespace sale', /Status: +Active/),
  is('describe role reader', /spikegoods.myapp.spike.com/),
  is('get spikegoods -w', /goods1 [^\n]*\ngoods1 /, { meanwhile: 'annotate spikegoods goods1 seen=1' }),
  is('get spikegoods -w --output-watch-events', /ADDED +goods1[^\n]*\nMODIFIED +goods1/, {
    meanwhile: 'annotate spikegoods goods1 seen=2 --overwrite',
  }),
);

section(
  'Change',
  is('explain spikegoods.spec.price', /price/),
  is('explain spikeorder --recursive', /goodsMap/),
  is('edit spikegoods goods1', /goods1 edited/, { edit: 's/stockCount: 5/stockCount: 6/' }),
  is('edit deployment web', /web edited/, { edit: 's/nginx:1.25/nginx:1.26/' }),
  is('patch spikegoods goods1 --type=merge -p {"spec":{"day":2}}', /patched/),
  is(
    'patch spikegoods goods1 --type=json -p [{"op":"replace","path":"/spec/stockCount","value":7}]',
    /patched/,
  ),
  fails('patch spikegoods goods1 --type=strategic -p {"spec":{"day":3}}', /patch/i),
  is(
    'patch deployment web -p {"spec":{"template":{"spec":{"containers":[{"name":"nginx","tty":true}]}}}}',
    /patched/,
  ),
  is('patch deployment web --type=merge -p {"spec":{"minReadySeconds":0}}', /patched/),
  is('patch deployment web --type=json -p [{"op":"test","path":"/spec/replicas","value":2}]', /patched/),
  is('patch spikegoods goods1 --subresource=status --type=merge -p {"status":{"phase":"OnSale"}}', /patched/),
  is('label spikegoods goods1 team=phones', /labeled/),
  is('label spikegoods goods1 team=tablets --overwrite', /labeled/),
  is('label spikegoods goods1 team-', /labeled|unlabeled/),
  is('annotate spikegoods goods1 note=first', /annotated/),
  is('annotate spikegoods goods1 note-', /annotated/),
  is('replace -f goods-more.yaml', /goods1 replaced/),
  is('set image deployment/web nginx=nginx:1.27', /image updated/),
  is('set env deployment/web A=1', /env updated/),
);

section(
  'Apply',
  is('apply -f buyer.yaml', /buyer2 created/),
  is('apply -f buyer.yaml', /buyer2 unchanged/),
  is('apply -f buyer-moved.yaml', /buyer2 configured/),
  is('apply --dry-run=server -f buyer.yaml', /buyer2 configured \(server dry run\)/),
  is('apply view-last-applied buyer buyer2', /Shanghai/),
  fails('diff -f buyer.yaml', /^[+].*Beijing/m),
  is('diff -f buyer-moved.yaml', /^$/),
  is('apply --server-side -f seller.yaml', /seller2 serverside-applied/),
  fails('apply --server-side --field-manager=other -f seller-other.yaml', /conflict.*sellerPhone/s),
  is(
    'apply --server-side --field-manager=other --force-conflicts -f seller-other.yaml',
    /serverside-applied/,
  ),
  is('apply --server-side --dry-run=server --force-conflicts -f seller.yaml', /\(server dry run\)/),
  is('diff --server-side -f seller-other.yaml --field-manager=other', /^$/),
  is('apply --server-side -f config.yaml', /config serverside-applied/),
  is('apply -k kustom', /from-kustomize/),
);

section(
  'Workloads',
  is('rollout status deployment/web --timeout=60s', /successfully rolled out/),
  is('wait --for=condition=Available deployment/web --timeout=60s', /condition met/),
  is('rollout history deployment/web', /REVISION/),
  is('rollout restart deployment/web', /restarted/),
  is('rollout status deployment/web --timeout=60s', /successfully rolled out/),
  is('rollout undo deployment/web', /rolled back/),
  is('rollout pause deployment/web', /paused/),
  is('rollout resume deployment/web', /resumed/),
  is('scale deployment/web --replicas=3', /scaled/),
  is('scale deployment/web --current-replicas=3 --replicas=2', /scaled/),
  fails('scale deployment/web --current-replicas=9 --replicas=2', /replicas to be 9/),
  is('expose deployment web --name=web2 --port=80 --type=NodePort', /exposed/),
  is('autoscale deployment web --min=1 --max=3 --cpu-percent=50', /autoscaled/),
  is('get hpa', /web +Deployment\/web/),
  is('rollout status deployment/web --timeout=60s', /successfully rolled out/),
  is('get pods -o wide', /web-/),
  is('get pods --field-selector=status.phase=Running', /web-/),
  is('run once --image=busybox --restart=Never', /pod\/once created/),
  is('describe pod once', /Image: +busybox/),
  is('delete pod once --now', /deleted/),
  is('get events', /ScalingReplicaSet/),
  is('get events --field-selector=reason=ScalingReplicaSet -o name', /event/),
  is('events --for deployment/web', /ScalingReplicaSet/),
);

section(
  'Access',
  is('auth can-i create spikeorders', /^yes/),
  is('auth can-i --list', /Resources +Non-Resource URLs/),
  fails('auth can-i delete spikegoods --as=system:serviceaccount:sale:shop', /^no/),
  is('auth can-i get spikegoods --as=system:serviceaccount:sale:shop', /^yes/),
  fails('get buyers --as=system:serviceaccount:sale:shop', /\(Forbidden\).*cannot list resource "buyers"/),
  is('auth whoami', /Username/),
  is('create token shop', /\./),
);

section(
  'Delete',
  is('delete buyer buyer2 --dry-run=server', /server dry run/),
  is('delete buyer buyer2', /"buyer2" deleted/),
  is('wait --for=delete buyer/buyer2 --timeout=10s', /^$|NotFound/),
  fails('delete buyer buyer2', /\(NotFound\)/),
  is('delete buyer buyer2 --ignore-not-found', /^$/),
  is('delete configmaps -l made=table', /config" deleted/),
  is('delete deployment web --cascade=orphan', /deleted/),
  is('get replicasets -o name', /replicaset.apps\/web/),
  is('delete replicasets --all --cascade=foreground', /deleted/),
  is('get pods', /No resources found/),
  is('create deployment back --image=nginx', /created/),
  is('rollout status deployment/back --timeout=60s', /successfully rolled out/),
  is('delete deployment back --cascade=background', /deleted/),
  is('wait --for=delete pods -l app=back --timeout=30s', /met|^$|no matching|NotFound/),
  is('replace --force -f goods-more.yaml', /goods1 replaced/),
  is('delete -f sale.yaml', /"goods1" deleted/),
  is('delete namespace sale', /"sale" deleted/),
  fails('get namespace sale', /\(NotFound\)/),
  is('delete -f crd', /spikegoods.myapp.spike.com" deleted/),
  fails('get spikegoods', /could not find the requested resource|doesn't have a resource type/),
);

export { rows };
