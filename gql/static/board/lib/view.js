// A small renderer of virtual nodes: keyed, with memoised parts and components. No wheel ships a library of this kind
// that needs neither a build step nor `eval`, which the pages' policy forbids.
//
//   h("li", { key: incident.id, class: "row", onclick: open }, incident.title)
//   h(Row, { incident })      a part: a function of its properties, asked again only when one of them is another object
//   h(Composer, { incident }) a component: a class with `render(props)`, and `this.update()` for state of its own
//
// Texts are only ever set as text. The one way to set HTML is `html`, for what the server has rendered and cleaned.

const SVG = "http://www.w3.org/2000/svg";
const dirty = new Set();
let scheduled = false;

/** Returns a virtual node. `type` is a tag, a part or a component; children may be nested arrays, texts or nothing. */
export function h(type, props, ...children) {
  return { type, props: props ?? {}, children, key: props?.key, dom: undefined };
}

/** A component with state of its own. Subclasses have `render(props)`, and may have `mounted()` and `removed()`. */
export class Component {
  constructor(props) {
    this.props = props;
  }

  /** Renders this component again before the next frame. */
  update() {
    dirty.add(this);
    schedule();
  }

  /** The element that it rendered. */
  get dom() {
    return domOf(this.rendered);
  }
}

/** Renders `view()` into an element, and again whenever the returned function is called. */
export function mount(element, view) {
  const root = new Component({});
  root.render = view;
  element.replaceChildren(create(h(() => root, {}), element, root));
  return () => root.update();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  // A hidden page gets no frames; it is brought up to date as well, for its title and for whoever comes back.
  const run = () => {
    if (!scheduled) return;
    scheduled = false;
    flush();
  };
  requestAnimationFrame(run);
  if (document.hidden) setTimeout(run, 100);
}

/** Renders all that is waiting at once; for what has to be on the page before the next line. */
export function flush() {
  const focused = document.activeElement;
  // Parents first: they often render their children on the way.
  for (const component of [...dirty].sort((a, b) => a.level - b.level)) {
    if (!dirty.delete(component) || component.gone) continue;
    rerender(component);
  }
  // Elements that move lose it.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function rerender(component) {
  dirty.delete(component);
  const before = component.rendered;
  const parent = domOf(before).parentNode;
  component.rendered = normal(component.render(component.props));
  patch(parent, before, component.rendered, component.level + 1);
}

function normal(node) {
  if (Array.isArray(node)) throw new TypeError("a part renders one node");
  return node === null || node === undefined || node === false || node === true
    ? { type: "#none" }
    : typeof node === "object"
      ? node
      : { type: "#text", text: String(node) };
}

function flat(children, into = []) {
  for (const child of children) {
    if (Array.isArray(child)) flat(child, into);
    // What is not there holds its place, or what stands behind it would be taken for it.
    else into.push(normal(child));
  }
  return into;
}

function domOf(node) {
  while (typeof node.type === "function") node = currentOf(node);
  return node.dom;
}

function create(node, parent, given, level = 0) {
  const { type } = node;
  if (type === "#text") return (node.dom = document.createTextNode(node.text));
  if (type === "#none") return (node.dom = document.createComment(""));
  if (typeof type === "function") return createPart(node, parent, given, level);
  const dom = type === "svg" || parent.namespaceURI === SVG ? document.createElementNS(SVG, type) : document.createElement(type);
  node.dom = dom;
  if (node.props.html !== undefined) setHtml(dom, node.props.html);
  else {
    node.nodes = flat(node.children);
    for (const child of node.nodes) dom.append(create(child, dom, undefined, level + 1));
  }
  // After the children, because a select takes its value from its options.
  for (const name in node.props) setProp(dom, name, undefined, node.props[name]);
  node.props.ref?.(dom);
  return dom;
}

function createPart(node, parent, given, level) {
  const isComponent = node.type.prototype instanceof Component;
  const component = given ?? (isComponent ? new node.type(propsOf(node)) : undefined);
  node.component = component;
  if (component) component.level = level;
  node.rendered = normal(component ? component.render(component.props) : node.type(propsOf(node)));
  if (component) component.rendered = node.rendered;
  const dom = create(node.rendered, parent, undefined, level + 1);
  if (component?.mounted) queueMicrotask(() => component.gone || component.mounted());
  return dom;
}

function propsOf(node) {
  return node.children.length ? { ...node.props, children: node.children } : node.props;
}

function patch(parent, before, after, level) {
  if (before === after) return;
  if (before.type !== after.type || before.key !== after.key) {
    const old = domOf(before);
    const dom = create(after, parent, undefined, level);
    parent.replaceChild(dom, old);
    remove(before);
    return;
  }
  if (after.type === "#text") {
    after.dom = before.dom;
    if (before.text !== after.text) after.dom.data = after.text;
  } else if (after.type === "#none") after.dom = before.dom;
  else if (typeof after.type === "function") patchPart(parent, before, after, level);
  else patchElement(before, after, level);
}

function patchPart(parent, before, after, level) {
  const { component } = before;
  after.component = component;
  const props = propsOf(after);
  if (component) {
    const same = alike(component.props, props);
    component.props = props;
    after.rendered = component.rendered;
    if (!same || dirty.has(component)) {
      rerender(component);
      after.rendered = component.rendered;
    }
    return;
  }
  if (alike(propsOf(before), props)) {
    after.rendered = before.rendered;
    return;
  }
  after.rendered = normal(after.type(props));
  patch(parent, currentOf(before), after.rendered, level + 1);
}

/** Components render again by themselves, so that what their parent remembers may be out of date. */
function currentOf(node) {
  return node.component ? node.component.rendered : node.rendered;
}

function alike(a, b) {
  if (a.children || b.children) return false;
  for (const name in a) if (a[name] !== b[name]) return false;
  for (const name in b) if (!(name in a)) return false;
  return true;
}

function patchElement(before, after, level) {
  const dom = (after.dom = before.dom);
  if (after.props.html !== undefined) {
    if (before.props.html !== after.props.html) setHtml(dom, after.props.html);
  } else {
    after.nodes = flat(after.children);
    patchChildren(dom, before.nodes ?? [], after.nodes, level + 1);
  }
  for (const name in before.props) if (!(name in after.props)) setProp(dom, name, before.props[name], undefined);
  for (const name in after.props) setProp(dom, name, before.props[name], after.props[name]);
}

function patchChildren(parent, before, after, level) {
  const keyed = new Map();
  const plain = [];
  const kept = new Set(after.map(({ key }) => key));
  for (const node of before) {
    if (node.key === undefined) plain.push(node);
    else if (kept.has(node.key)) keyed.set(node.key, node);
    else {
      // First of all, or everything behind it would be moved before it.
      domOf(node).remove();
      remove(node);
    }
  }
  let nth = 0;
  let place = parent.firstChild;
  for (const node of after) {
    let old;
    if (node.key !== undefined) {
      old = keyed.get(node.key);
      keyed.delete(node.key);
    } else old = plain[nth++];
    if (!old) {
      parent.insertBefore(create(node, parent, undefined, level), place);
      continue;
    }
    const dom = domOf(old);
    // Moves only what is out of place, so that what is focused and what is scrolled stays so.
    if (dom === place?.nextSibling) parent.append(place);
    else if (dom !== place) parent.insertBefore(dom, place);
    place = dom.nextSibling;
    patch(parent, old, node, level);
  }
  for (const node of [...keyed.values(), ...plain.slice(nth)]) {
    domOf(node).remove();
    remove(node);
  }
}

function remove(node) {
  if (node.component) {
    node.component.gone = true;
    node.component.removed?.();
    remove(node.component.rendered);
  } else if (node.rendered) remove(node.rendered);
  for (const child of node.nodes ?? []) remove(child);
  if (node.props?.ref) node.props.ref(undefined);
}

function setProp(dom, name, before, after) {
  if (name === "key" || name === "ref" || name === "html") return;
  // Whoever types changes these without us: attributes would say only how they began.
  if (name === "value" || name === "checked") {
    if (before !== after && after !== undefined && dom[name] !== after) dom[name] = after;
    return;
  }
  if (before === after) return;
  if (name.startsWith("on")) {
    const event = name.slice(2);
    if (before) dom.removeEventListener(event, before);
    if (after) dom.addEventListener(event, after);
  } else if (name === "vars") {
    // Style attributes are forbidden by the policy; properties set by a script are not.
    for (const key in before ?? {}) if (!(after && key in after)) dom.style.removeProperty(key);
    for (const key in after ?? {}) dom.style.setProperty(key, after[key]);
  } else if (after === undefined || after === null || after === false) dom.removeAttribute(name);
  else dom.setAttribute(name, after === true ? "" : after);
}

function setHtml(dom, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  dom.replaceChildren(template.content);
}
