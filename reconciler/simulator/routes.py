"""Routes: which operation answers a method and a path, and with which success status.

`operation` is the operationId of openapi.yaml; a status seen live stands beside the documented one
(contract#statuses).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from reconciler.simulator.call import Call, Reply
from reconciler.simulator.errors import ApiError, MethodNotAllowed
from reconciler.simulator.operations import (
    actions,
    bills,
    block_storages,
    catalogue,
    firewalls,
    instances,
    rules,
    security_groups,
)
from reconciler.simulator.switches import Switches


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the contract."""

    method: str
    template: str
    operation: str
    handler: Callable[[Call], Reply]
    live: int = 200
    doc: int = 200

    def status(self, switches: Switches) -> int:
        """The HTTP status of a success."""
        return self.doc if switches.http_status == "doc" else self.live


_INSTANCE = "/v1/instances/{instance_id}"
_VOLUME = "/v1/block-storages/{block_storage_id}"
_GROUP = "/v1/security-groups/{firewall_id}"
_FIREWALL = "/v1/firewall/{firewall_id}"

ROUTES = (
    Route("GET", "/v1/zones", "listZones", catalogue.list_zones),
    Route("GET", "/v1/flavors", "listFlavors", catalogue.list_flavors),
    Route("GET", "/v1/flavors/{flavor_id}", "getFlavor", catalogue.get_flavor),
    Route("GET", "/v1/images", "listImages", catalogue.list_images),
    Route("GET", "/v1/images/{image_id}", "getImage", catalogue.get_image),
    Route("GET", "/v1/instances", "listInstances", instances.list_instances),
    Route("POST", "/v1/instances", "createInstance", instances.create_instance, 202, 202),
    Route("GET", _INSTANCE, "getInstance", instances.get_instance),
    Route("PUT", _INSTANCE, "editInstance", instances.edit_instance),
    Route("DELETE", _INSTANCE, "deleteInstance", instances.delete_instance, 202, 202),
    Route("POST", _INSTANCE + "/start", "startInstance", actions.start, 202, 202),
    Route("POST", _INSTANCE + "/shutdown", "shutdownInstance", actions.shutdown, 202, 202),
    Route("POST", _INSTANCE + "/reboot", "rebootInstance", actions.reboot, 202, 202),
    Route("POST", _INSTANCE + "/rebuild", "rebuildInstance", actions.rebuild, 202, 202),
    Route("POST", _INSTANCE + "/resize", "resizeInstance", actions.resize, 202, 202),
    Route("GET", _INSTANCE + "/remote-console", "getRemoteConsole", instances.remote_console),
    Route("GET", "/v1/instance/script", "listUserScripts", catalogue.list_user_scripts),
    Route(
        "GET",
        "/v1/block-storages/types",
        "listBlockStorageTypes",
        catalogue.list_storage_types,
        200,
        202,
    ),
    Route(
        "GET",
        "/v1/block-storages",
        "listBlockStorages",
        block_storages.list_block_storages,
        200,
        202,
    ),
    Route(
        "POST",
        "/v1/block-storages",
        "createBlockStorage",
        block_storages.create_block_storage,
        202,
        202,
    ),
    Route("GET", _VOLUME, "getBlockStorage", block_storages.get_block_storage, 202, 202),
    Route("DELETE", _VOLUME, "deleteBlockStorage", block_storages.delete_block_storage, 202, 202),
    Route(
        "POST",
        _VOLUME + "/attach/{instance_id}",
        "attachBlockStorage",
        block_storages.attach_block_storage,
        202,
        202,
    ),
    Route(
        "POST",
        _VOLUME + "/detach",
        "detachBlockStorage",
        block_storages.detach_block_storage,
        202,
        202,
    ),
    Route("GET", "/v1/security-groups", "listSecurityGroups", security_groups.list_groups),
    Route(
        "POST", "/v1/security-groups", "createSecurityGroup", security_groups.create_group, 200, 202
    ),
    Route("GET", _GROUP, "getSecurityGroup", security_groups.get_group, 200, 202),
    Route("PUT", _GROUP, "editSecurityGroup", security_groups.edit_group),
    Route("DELETE", _GROUP, "deleteSecurityGroup", security_groups.delete_group),
    Route("GET", _GROUP + "/rules", "listSecurityGroupRules", rules.list_rules),
    Route("POST", _GROUP + "/rules", "createSecurityGroupRule", rules.create_rule, 200, 202),
    Route("PUT", _GROUP + "/rules/{rule_id}", "editSecurityGroupRule", rules.edit_rule, 200, 202),
    Route("DELETE", _GROUP + "/rules/{rule_id}", "deleteSecurityGroupRule", rules.delete_rule),
    Route("GET", _GROUP + "/instances", "listSecurityGroupInstances", security_groups.list_members),
    Route(
        "POST", _GROUP + "/attach", "attachSecurityGroup", security_groups.attach_group, 202, 202
    ),
    Route(
        "POST", _GROUP + "/detach", "detachSecurityGroup", security_groups.detach_group, 202, 202
    ),
    Route("GET", "/v1/firewall", "listFirewalls", firewalls.list_firewalls),
    Route("POST", "/v1/firewall", "createFirewall", firewalls.create_firewall, 202, 202),
    Route("GET", _FIREWALL, "getFirewall", firewalls.get_firewall),
    Route("PUT", _FIREWALL, "editFirewall", firewalls.edit_firewall, 202, 202),
    Route("DELETE", _FIREWALL, "deleteFirewall", security_groups.delete_group),
    Route("POST", _FIREWALL + "/attach", "attachFirewall", security_groups.attach_group, 202, 202),
    Route("POST", _FIREWALL + "/detach", "detachFirewall", security_groups.detach_group, 202, 202),
    Route(
        "POST",
        _FIREWALL + "/attach/{instance_id}",
        "attachFirewall",
        security_groups.attach_group,
        202,
        202,
    ),
    Route(
        "POST",
        _FIREWALL + "/detach/{instance_id}",
        "detachFirewall",
        security_groups.detach_group,
        202,
        202,
    ),
    Route("GET", "/v1/bill/live", "getLiveBill", bills.get_live_bill),
    Route("GET", "/v1/bill", "listBills", bills.list_bills),
    Route("GET", "/v1/bill/{bill_id}", "getBill", bills.get_bill),
    Route("GET", "/v1/auth/ssh_key", "listSshKeys", catalogue.list_ssh_keys),
)


@dataclass(slots=True)
class _Node:
    """One segment of the tree of paths; a fixed segment wins over a placeholder."""

    fixed: dict[str, _Node]
    placeholder: _Node | None
    by_method: dict[str, Route]


def _tree() -> _Node:
    root = _Node({}, None, {})
    for route in ROUTES:
        node = root
        for segment in route.template.split("/")[1:]:
            if segment.startswith("{"):
                node.placeholder = node.placeholder or _Node({}, None, {})
                node = node.placeholder
            else:
                node = node.fixed.setdefault(segment, _Node({}, None, {}))
        node.by_method[route.method] = route
    return root


_ROOT = _tree()


def find_route(method: str, path: str, switches: Switches) -> tuple[Route, tuple[str, ...]]:
    """The route of a request and the ids in its path; ApiError NOT_FOUND or MethodNotAllowed
    otherwise.
    """
    node: _Node | None = _ROOT
    ids: list[str] = []
    for segment in path.split("/")[1:]:
        assert node is not None
        following = node.fixed.get(segment)
        if following is None and node.placeholder is not None and segment:
            following = node.placeholder
            ids.append(unquote(segment, errors="replace"))
        node = following
        if node is None:
            break
    hidden = not switches.old_firewall_paths and (
        path == "/v1/firewall" or path.startswith("/v1/firewall/")
    )
    if node is None or not node.by_method or hidden or not path.startswith("/"):
        raise ApiError("NOT_FOUND")
    route = node.by_method.get(method)
    if route is None:
        raise MethodNotAllowed(", ".join(sorted(node.by_method)))
    return route, tuple(ids)
