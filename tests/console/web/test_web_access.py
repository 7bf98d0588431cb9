"""Who may see and do what: sign-in, sessions, roles by view, forms that another site sent."""

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from console.web.accounts import AccountError, SignInRefused, add_user, remove_user, set_password, sign_in
from console.web.roles import PUBLIC, May, Role, need_of
from tests.console.web.web_world import BASE, COMPLAINT, NOW, PASSWORD, RECORDED, World

EVERYBODY = {Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR}
BOSS, LOOKERS = {Role.SUPERVISOR}, {Role.SUPERVISOR, Role.AUDITOR}
CALL, CASE = f"box=b1&attempt={RECORDED}", f"box=b1&attempt={COMPLAINT}"
VIEWS = [
    ("GET", "/", EVERYBODY),
    ("GET", "/fleet/part", EVERYBODY),
    ("GET", "/fleet/live", EVERYBODY),
    ("GET", "/campaigns", EVERYBODY),
    ("GET", "/campaigns/part", EVERYBODY),
    ("GET", "/campaigns/live", EVERYBODY),
    ("GET", "/campaigns/one?box=b1&campaign=nov", EVERYBODY),
    ("GET", "/campaigns/order?box=b1&campaign=nov&action=pause", BOSS),
    ("POST", "/campaigns/order?box=b1&campaign=nov&action=pause", BOSS),
    ("GET", "/outcomes", EVERYBODY),
    ("GET", "/outcomes.csv", LOOKERS),
    ("GET", "/people", EVERYBODY),
    ("POST", "/people/find?wanted=p05", EVERYBODY),
    ("GET", "/people/one?person=p05", EVERYBODY),
    ("GET", "/people/stop?person=p06&action=suppress", EVERYBODY - {Role.AUDITOR}),
    (
        "POST",
        "/people/stop?person=p06&action=suppress&scope=person&reason=opt_out",
        EVERYBODY - {Role.AUDITOR},
    ),
    ("GET", "/cases", EVERYBODY),
    ("GET", f"/cases/one?{CASE}", EVERYBODY),
    ("POST", f"/cases/note?{CASE}&state=open&note=seen", EVERYBODY - {Role.AUDITOR}),
    ("POST", f"/cases/assign?{CASE}&assignee=", EVERYBODY - {Role.AUDITOR}),
    ("GET", f"/recordings/one?{CALL}", LOOKERS),
    ("GET", f"/recordings/sound?{CALL}", LOOKERS),
    ("POST", f"/recordings/fetch?{CALL}", LOOKERS),
    ("POST", f"/recordings/correct?{CALL}&kind=answer&right=human", BOSS),
    ("GET", "/measures", EVERYBODY),
    ("GET", "/claims", LOOKERS),
    ("GET", "/updates", LOOKERS),
    ("GET", "/audit", LOOKERS),
    ("GET", "/access", LOOKERS),
    ("POST", "/sign-out", EVERYBODY),
]


def test_the_table_names_every_view(world: World) -> None:
    """A view that is added must say here who may use it."""
    adapter = world.app.url_map.bind("localhost")
    tabled = {
        (adapter.match(path.partition("?")[0], method=method)[0], method) for method, path, _roles in VIEWS
    }
    built = {
        (rule.endpoint, method)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST"}
        if need_of(world.app.view_functions[rule.endpoint]) != PUBLIC
    }
    assert tabled == built
    public = {name for name, view in world.app.view_functions.items() if need_of(view) == PUBLIC}
    assert public == {"static", "sign_in.show", "sign_in.enter", "sign_in.choose_language"}
    assert all(isinstance(need_of(world.app.view_functions[name]), May) for name, _method in built)


def test_each_role_sees_its_views_and_no_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.live.LIFE_S", 0.0)  # a stream that says one thing and ends
    for role in Role:
        visitor = world.visitor(role)
        for method, path, roles in VIEWS:
            answer = visitor.get(path) if method == "GET" else visitor.post(path, {}, form_at="/people")
            code = answer.status_code
            assert (code != 403) == (role in roles), f"{role}: {method} {path} is {code}"
            assert code < 400 or code == 403, f"{role}: {method} {path} is {code}"


def test_nobody_sees_anything_before_signing_in(world: World) -> None:
    visitor = world.visitor()
    for method, path, _roles in VIEWS:
        if method == "GET":
            answer = visitor.get(path)
            assert answer.status_code == 302
            assert answer.location.startswith("/sign-in?next=")
        else:
            assert visitor.post(path, {}, form_at="/sign-in").status_code == 401


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    visitor = world.visitor(Role.SUPERVISOR)
    before = list(world.orders.given)
    order = {"box": "b1", "campaign": "nov", "action": "cancel"}
    answer = visitor.client.post(
        "/campaigns/order", data=order, base_url=BASE, headers={"Referer": BASE + "/"}
    )
    assert answer.status_code == 400
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/people").get_data(as_text=True))
    assert token
    answer = visitor.client.post(
        "/campaigns/order",
        data=order | {"csrf_token": token[1]},
        base_url=BASE,
        headers={"Referer": "https://elsewhere.example/"},
    )
    assert answer.status_code == 400
    assert world.orders.given == before


def test_the_session_cookie_is_the_browsers_alone(world: World) -> None:
    answer = world.visitor().sign_in("sup")
    cookie = next(value for name, value in answer.headers if name == "Set-Cookie")
    assert cookie.startswith("__Host-branchline=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_every_page_comes_under_a_policy_without_strangers(world: World) -> None:
    answer = world.visitor(Role.AUDITOR).get("/people/one?person=p05")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (
        re.search(r"\son[a-z]+=|style=|<script>|https?://(?!www\.w3\.org)", answer.get_data(as_text=True))
        is None
    )


@pytest.mark.parametrize(
    "next_address", ["//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil"]
)
def test_signing_in_sends_nobody_elsewhere(world: World, next_address: str) -> None:
    visitor = world.visitor()
    fields = {"name": "aud", "password": PASSWORD, "next": next_address}
    assert visitor.post("/sign-in", fields, form_at="/sign-in").location == "/"


def test_a_new_password_ends_the_sessions(world: World) -> None:
    with world.desk.ledger.transaction() as rows:
        add_user(rows, "leaver", Role.OPERATOR, PASSWORD, NOW)
    visitor = world.visitor()
    assert visitor.sign_in("leaver").status_code == 302
    assert visitor.get("/").status_code == 200
    with world.desk.ledger.transaction() as rows:
        set_password(rows, "leaver", "another password")
    assert visitor.get("/").status_code == 302
    assert visitor.sign_in("leaver", PASSWORD).status_code == 401
    assert visitor.sign_in("leaver", "another password").status_code == 302
    with world.desk.ledger.transaction() as rows:
        remove_user(rows, "leaver")
    assert visitor.get("/").status_code == 302


def test_a_password_costs_whoever_guesses_it(hasher: PasswordHasher) -> None:
    """Argon2id, 64 MiB and three passes: what RFC 9106 recommends where memory is scarce."""
    assert hasher.hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_wrong_passwords_make_one_wait_ever_longer(world: World) -> None:
    ledger = world.desk.ledger
    with ledger.transaction() as rows:
        add_user(rows, "target", Role.OPERATOR, PASSWORD, NOW)
    now, waits = NOW, []
    for _ in range(9):
        refused = sign_in(ledger, "target", "a wrong password", "192.0.2.1", now)
        assert isinstance(refused, SignInRefused)
        waits.append(refused.wait_s)
        now += timedelta(seconds=refused.wait_s)
    assert waits == [0, 0, 0, 0, 0, 2, 0, 4, 0]
    # The right password does not help before the wait is over; from elsewhere it does: the user is not locked out.
    assert isinstance(sign_in(ledger, "target", PASSWORD, "192.0.2.1", now), SignInRefused)
    assert not isinstance(sign_in(ledger, "target", PASSWORD, "198.51.100.7", now), SignInRefused)
    later = now + timedelta(minutes=15)
    assert not isinstance(sign_in(ledger, "target", PASSWORD, "192.0.2.1", later), SignInRefused)


def test_names_that_are_no_users_are_refused_alike(world: World) -> None:
    answer = world.visitor().sign_in("nobody-here")
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.get_data(as_text=True)


@pytest.mark.parametrize(("name", "password"), [("ok", "short"), ("no/slash", PASSWORD), ("", PASSWORD)])
def test_a_user_that_will_not_do_is_refused(world: World, name: str, password: str) -> None:
    with pytest.raises(AccountError), world.desk.ledger.transaction() as rows:
        add_user(rows, name, Role.OPERATOR, password, NOW)


def test_only_a_person_keeps_a_session_alive(world: World) -> None:
    """A screen that is left alone signs itself out, however live its page is."""
    visitor = world.visitor(Role.OPERATOR)
    assert "Set-Cookie" in visitor.get("/campaigns").headers
    assert "Set-Cookie" not in visitor.get("/campaigns/part").headers
