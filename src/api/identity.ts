// What the API server lets an object be called (RFC 1123), and what a uid looks like. Nothing else is ever stored, so
// what does not look like this in a review was not sent by an API server.
import { longestName } from './schema.ts';

/** The longest name of a namespace: DNS1123LabelMaxLength. */
const longestLabel = 63;

const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a custom resource can have this name. */
export const isObjectName = (text: string): boolean => text.length <= longestName && subdomain.test(text);

export const isNamespaceName = (text: string): boolean => text.length <= longestLabel && label.test(text);

/** Whether the API server can have given this uid (apimachinery pkg/util/uuid). */
export const isUid = (text: string): boolean => text.length === 36 && uuid.test(text);
