"""The report: a plan, a drift or a state as one HTML file that needs no network and no JavaScript.

It may import what `render` may. Begin with `report_page`.

All HTML is made by `markup.el`, which escapes texts and attributes. The file has a strict policy
(CSP): styles and scripts run only by the SHA-256 of their text, and nothing is requested.

Scripts are an enhancement. `assets/` has `report.css`, `graph.css` and the scripts of
`report_assets.SCRIPTS`, which are put into one `<script>` at the end of a page with a graph.
What they work with:

- `<script type="application/json" id="report-data">` has `{"language": "en", "graphs": [...],
  "graph_words": {...}}`. A graph is `{"stack", "kinds", "nodes", "edges"}`. A node is `[address,
  kind]` or `[address, kind, id]`, where `kind` is the place of a kind. Without an id, the id is
  the operation and the address with a space between them. A kind is `[operation, label, wave,
  tone]`. An edge is `[before, after]` with the places of two nodes. Places begin with 0, waves
  with 1. A `tone` is `danger`, `care`, `good` or `plain`. `label` and `address` are ready to be
  shown. `graph_words` has the words of `graph_words.WORDS`.
- The scripts take about 515 kB. The steps of a plan of 1,000, as a list and as a graph, must leave
  the file below 800 kB: what repeats in a graph is a place.
- For each graph there is `<figure class="graph" data-stack="STACK" hidden>`, with a `figcaption`
  and nothing else; scripts show it by removing `hidden`. Below it, the same steps are a list.
- Colors are the custom properties `--text`, `--faint`, `--paper`, `--line`, `--danger`, `--care`,
  `--good` and `--plain` of `:root`, which change with the color scheme.
- A style element that a script makes is refused by the policy. Put rules into `graph.css`, and set
  styles of elements by `element.style`.
- A stack of several is a `<section class="page">`, shown while `:target` is in it.
"""
