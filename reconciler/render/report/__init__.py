"""The report: a plan, a drift or a state as one HTML file that needs no network and no JavaScript.

It may import what `render` may. Begin with `report_page`.

All HTML is made by `markup.el`, which escapes texts and attributes. The file has a strict policy
(CSP): styles and scripts run only by the SHA-256 of their text, and nothing is requested.

Scripts are an enhancement. `assets/` has `report.css`, `graph.css` and the scripts of
`report_assets.SCRIPTS`, which are put into one `<script>` at the end of a page with a graph.
What they work with:

- `<script type="application/json" id="report-data">` has `{"language": "en", "graphs": [...],
  "graph_words": {...}}`. A graph is `{"stack", "nodes", "edges"}`: a node is `{"id", "label",
  "address", "operation", "wave", "tone"}`, an edge `[before, after]` with the ids of two nodes.
  `wave` begins with 1. A `tone` is `danger`, `care`, `good` or `plain`. `label` and `address` are
  ready to be shown. `graph_words` has the words of `graph_words.WORDS`.
- For each graph there is `<figure class="graph" data-stack="STACK" hidden>`, with a `figcaption`
  and nothing else; scripts show it by removing `hidden`. Below it, the same steps are a list.
- Colors are the custom properties `--text`, `--faint`, `--paper`, `--line`, `--danger`, `--care`,
  `--good` and `--plain` of `:root`, which change with the color scheme.
- A style element that a script makes is refused by the policy. Put rules into `graph.css`, and set
  styles of elements by `element.style`.
- A stack of several is a `<section class="page">`, shown while `:target` is in it.
"""
