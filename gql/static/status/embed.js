// A pill with the present state, for other sites: <script src="https://status.example.com/status/embed.js" async></script>
// It keeps nothing in the browser, and its styles stay in a shadow root. With data-target="#place" it stands there.
(() => {
  const script = document.currentScript;
  const page = script.src.replace(/\/embed\.js(\?.*)?$/, "");
  const colors = { good: "#17744a", none: "#595e64", maintenance: "#1f5fa6", minor: "#7d6000", major: "#a84a06", critical: "#c0241c" };
  const host = document.createElement("span");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    a { display: inline-flex; gap: 8px; align-items: center; max-width: 100%; padding: 6px 12px; border: 1px solid currentcolor; border-radius: 99px;
      font: 14px/1.4 system-ui, sans-serif; color: inherit; text-decoration: none; }
    i { flex: none; width: 10px; height: 10px; border-radius: 50%; background: var(--kind); }
    i.major, i.critical { border-radius: 1px; }
    a:focus-visible { outline: 2px solid; outline-offset: 2px; }`);
  root.adoptedStyleSheets = [sheet];
  const link = document.createElement("a");
  const dot = document.createElement("i");
  const words = document.createElement("span");
  words.dir = "auto";
  link.href = page;
  link.append(dot, words);

  async function show() {
    try {
      const answer = await fetch(`${page}/summary.json`, { credentials: "omit" });
      if (!answer.ok) return;
      const { kind, sentence, language } = await answer.json();
      sheet.cssRules[1].style.setProperty("--kind", colors[kind] ?? colors.none);
      dot.className = kind;
      words.textContent = sentence;
      link.lang = language;
      if (!link.isConnected) root.append(link);
    } catch {
      // What is shown stays; a page that could not be asked at all shows nothing.
    }
  }

  const place = script.dataset.target ? document.querySelector(script.dataset.target) : null;
  if (place) place.append(host);
  else script.after(host);
  show();
  setInterval(() => document.hidden || show(), 60_000);
})();
