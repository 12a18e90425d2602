// The names that the API server allows (RFC 1123), and the format of a uid. A review with anything else did not
// come from an API server.
import { longestName } from './schema.ts';

/** Longest name of a namespace: DNS1123LabelMaxLength. */
const longestLabel = 63;

const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a custom resource can have this name. */
export const isObjectName = (text: string): boolean => text.length <= longestName && subdomain.test(text);

export const isNamespaceName = (text: string): boolean => text.length <= longestLabel && label.test(text);

/** Whether the API server can have given this uid (apimachinery pkg/util/uuid). */
export const isUid = (text: string): boolean => text.length === 36 && uuid.test(text);
