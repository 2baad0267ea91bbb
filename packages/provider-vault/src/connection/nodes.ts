import { invalidOption } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from '../environment.js';
import { parseNode, type VaultNode } from './address.js';

/** Options that say where the vault is. */
export interface NodeOptions {
  /** `https://vault.example.com:8200`, or `unix:///run/vault-agent.sock`. @defaultValue `VAULT_AGENT_ADDR`, else `VAULT_ADDR` */
  readonly address?: string | undefined;
  /** The nodes of one vault, in place of `address`: where one is down, sealed or a standby, the next is asked. */
  readonly addresses?: readonly string[] | undefined;
  /** **Security:** further addresses to which a redirect may lead; the token goes there as well. @defaultValue none: the nodes themselves */
  readonly redirectAddresses?: readonly string[] | undefined;
  /** Whether one redirect is followed. @defaultValue `true`, unless `VAULT_DISABLE_REDIRECTS` is */
  readonly followRedirects?: boolean | undefined;
  /** Whether an address without a port is looked up as SRV record `_http._tcp.<host>`. @defaultValue `VAULT_SRV_LOOKUP`, else `false` */
  readonly srvLookup?: boolean | undefined;
}

/** At least one node, all with the same scheme. @throws TypeError, PinProviderError */
export function readNodes({ address, addresses }: NodeOptions, env: Environment): readonly VaultNode[] {
  if (address !== undefined && addresses !== undefined)
    throw invalidOption('vault.addresses', 'and vault.address exclude each other');
  if (address !== undefined) return [optionNode('vault.address', address)];
  if (addresses !== undefined) {
    const nodes = readList('vault.addresses', addresses);
    if (nodes.length === 0) throw invalidOption('vault.addresses', 'hold no address');
    return nodes;
  }
  // The command lines' own order: an agent that is named goes before the vault.
  const variable = readVariable(env, 'AGENT_ADDR') ?? readVariable(env, 'ADDR');
  if (variable === undefined) {
    throw misconfigured(
      'no vault address: set VAULT_ADDR, such as https://vault.example.com:8200, or pass vault: { address }',
    );
  }
  const node = parseNode(variable.value);
  if ('problem' in node) throw misconfigured(`${variable.name} ${node.problem}`);
  return [node];
}

/** @throws TypeError where one would be a step down to http */
export function readRedirects(
  { redirectAddresses = [] }: NodeOptions,
  nodes: readonly VaultNode[],
): readonly VaultNode[] {
  const option = 'vault.redirectAddresses';
  const list = readList(option, redirectAddresses);
  if (list.some(({ socketPath }) => socketPath !== undefined))
    throw invalidOption(option, 'hold a unix socket, where no redirect leads');
  if (list.some(({ url }) => url.protocol !== nodes[0]?.url.protocol))
    throw invalidOption(
      option,
      'begin otherwise than the address of the vault: all are https, or all are http',
    );
  return list;
}

function readList(option: string, list: unknown): VaultNode[] {
  if (!Array.isArray(list)) throw invalidOption(option, 'are no list of addresses');
  const nodes = (list as unknown[]).map((each) => optionNode(option, each));
  if (new Set(nodes.map(({ host }) => host)).size < nodes.length)
    throw invalidOption(option, 'hold the same address twice');
  if (new Set(nodes.map(({ url }) => url.protocol)).size > 1)
    throw invalidOption(option, 'begin in different ways: all are https, or all are http');
  return nodes;
}

function optionNode(option: string, text: unknown): VaultNode {
  const node = parseNode(text as string);
  if ('problem' in node) throw invalidOption(option, node.problem);
  return node;
}
