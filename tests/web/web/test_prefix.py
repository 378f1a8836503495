"""A request belongs to one org: by its path, else by its host, else the default one."""

from __future__ import annotations

from charity.web.prefix import reserved_segments


def test_a_path_without_prefix_belongs_to_the_default_org(visitor) -> None:
    assert visitor.get("/where").json["org"] == "DZ"


def test_a_slug_in_front_chooses_the_org_and_stays_in_links(visitor) -> None:
    found = visitor.get("/xiajin/where").json
    assert (found["org"], found["link"]) == ("XJ", "/xiajin/where")


def test_a_host_chooses_the_org(visitor) -> None:
    assert visitor.get("/where", base_url="http://xiajin.example:8080").json["org"] == "XJ"


def test_a_slug_alone_is_the_home_page_of_its_org(visitor) -> None:
    answer = visitor.get("/xiajin")
    assert "夏津县慈善总会" in answer.text


def test_a_segment_that_is_no_slug_stays_in_the_path(visitor) -> None:
    assert visitor.get("/nowhere/where").status_code == 404


def test_an_org_that_is_gone_is_not_found(visitor) -> None:
    assert visitor.get("/gone/where").status_code == 404


def test_the_apps_own_first_segments_are_reserved_and_never_looked_up(shell, visitor) -> None:
    def never() -> frozenset[str]:
        raise AssertionError("slugs were looked up")

    shell.extensions["charity.org_slugs"] = never
    assert {"office", "static", "language", "where"} <= reserved_segments(shell.url_map)
    assert visitor.get("/where").status_code == 200


def test_static_files_have_one_address_for_all_orgs(visitor) -> None:
    text = visitor.get("/xiajin/nothing-here").text
    assert 'href="/static/css/base.css?v=' in text
    assert "/xiajin/static" not in text


def test_without_any_org_the_pages_are_not_in_service(shell, visitor) -> None:
    shell.extensions["charity.org_loader"] = lambda slug, host: None
    assert visitor.get("/where").status_code == 503
    assert visitor.get("/language/en").status_code == 303
