// The studio is a page of its own in a frame: without its title, as high as what is in it (so its
// pictures are bounded by the window, not by the frame), and in the theme of the page around it.
const EMBEDDED = `.inpaint-page > :is(header, footer) { display: none; }
  .inpaint-page { max-width: none; padding: 1px; background: none; --screen: ${0.75 * innerHeight}px; }`;

for (const frame of document.querySelectorAll("iframe.studio")) {
  const follow = () => {
    const inside = frame.contentDocument;
    if (!inside?.body || inside.URL === "about:blank") return;
    const style = inside.head.appendChild(inside.createElement("style"));
    style.textContent = EMBEDDED;
    const dress = () => { inside.documentElement.dataset.theme = document.documentElement.dataset.theme; };
    const fit = () => { frame.style.height = `${Math.ceil(inside.body.getBoundingClientRect().height)}px`; };
    dress();
    fit();
    new ResizeObserver(fit).observe(inside.body);
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  };
  frame.addEventListener("load", follow, { once: true });
  if (frame.contentDocument?.readyState === "complete") follow();
}
