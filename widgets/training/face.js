// Built from widgets/js by `npm run build`: edit the sources there.
var Xt={linear:n=>n,log:n=>10**n},ut=65535;function pt(n){if(!n||n.byteLength<8)return null;let t=n.getUint32(0,!0),e=new Uint8Array(
n.buffer,n.byteOffset,n.byteLength),s=JSON.parse(new TextDecoder().decode(e.subarray(4,4+t))),i=e.slice(4+t).buffer;for(let[
o,r]of Object.entries(s.arrays))s.arrays[o]=Gt(i,...r);return s}function Gt(n,t,e,s,i,o,r){if(s===0)return new Float32Array(
n,t,e);if(s===1)return new Uint8Array(n,t,e);let a=Xt[i];return Float32Array.from(new Uint16Array(n,t,e),h=>h===ut?Number.
NaN:a(o+h/(ut-1)*(r-o)))}function dt(n,t,e){return typeof n=="string"?e[n]:Float32Array.from({length:t},(s,i)=>n[0]+i*n[1])}var mt=(n,t)=>Math.abs(n-t)<=.001*Math.max(Math.abs(n),Math.abs(t)),jt=(n,t)=>n.length===t.length&&n.every(([e,s],i)=>Math.
abs(e-t[i][0])<1&&mt(s,t[i][1])),R=class{constructor(t){this.ask=t,this.turned=new Map,this.planned=new Map,this.gone=new Map,
this.down=!1}turn=(t,e)=>this.hold(this.turned,t,e);plan=(t,e)=>this.hold(this.planned,t,e);goTo=t=>this.hold(this.gone,
"step",t);hold(t,e,s){t.set(e,{value:s,since:performance.now()}),setTimeout(this.ask,1020)}drop(t){this.planned.delete(t),
this.gone.clear()}shown(t){if(this.release(t),!this.turned.size&&!this.planned.size&&!this.gone.size)return t;let e=t.strips.
map(s=>s.lane?{...s,lane:this.lane(s.lane)}:s);return{...t,strips:e,step:this.gone.get("step")?.value??t.step}}lane(t){let e=this.
turned.get(t.knob),s=this.planned.get(t.knob)?.value??t.plan;return e?{...t,plan:s,value:e.value,off:!1}:{...t,plan:s}}release(t){
if(this.down)return;let e=t.strips.map(i=>i.lane).filter(Boolean),s=i=>e.find(o=>o.knob===i);Z(this.turned,(i,o)=>mt(s(i)?.
value??o,o)&&!s(i)?.off),Z(this.planned,(i,o)=>jt(s(i)?.plan??o,o)),Z(this.gone,(i,o)=>t.step===o)}};function Z(n,t){for(let[
e,{value:s,since:i}]of n)(t(e,s)||performance.now()-i>1e3)&&n.delete(e)}var xt=new WeakMap;function m(n,t,e={}){let s=Object.assign(document.createElement(n),e);return t.append(s),s}function k(n,t){
let e=xt.get(n)??{};for(let[s,i]of Object.entries(t))e[s]!==i&&(s.startsWith("--")||s in n.style?n.style.setProperty(s,i):
i===null?n.removeAttribute(s):n.setAttribute(s,i));xt.set(n,{...e,...t})}function T(n,t,e,s){let i=m("button",n,{type:"b\
utton",className:`face-handle ${t}`});return k(i,{role:"slider","aria-label":e}),i.addEventListener("keydown",o=>{o.ctrlKey||
o.metaKey||o.altKey||s(o.key,o.shiftKey)!==!1&&(o.preventDefault(),o.stopPropagation())}),i}function I(n,t,e,{value:s,words:i,
low:o,high:r,colour:a}){k(n,{transform:`translate(${t.toFixed(1)}px, ${e.toFixed(1)}px)`,"aria-valuenow":String(s),"aria\
-valuetext":i,"aria-valuemin":String(o),"aria-valuemax":String(r),...a?{"--handle":a}:{}})}function tt(n,t,e,s,i){let o=r=>`${Math.
max(0,r).toFixed(1)}px`;k(n,{left:o(t),top:o(e),width:o(s),height:o(i)})}var K=class{constructor(t,e,s){this.model=t,this.view=e,this.failed=s,this.waiting=new Map,this.asked=0}send(t,e){try{this.
model.send({kind:t,view:this.view,...e})}catch{this.failed()}}later(t,e){this.waiting.set(`${t} ${e.knob??""}`,[t,e]),this.
asked||=requestAnimationFrame(()=>this.next())}next(){let[t,[e,s]]=this.waiting.entries().next().value;this.waiting.delete(
t),this.asked=this.waiting.size?requestAnimationFrame(()=>this.next()):0,this.send(e,s)}flush(){cancelAnimationFrame(this.
asked),this.asked=0;for(let[t,e]of this.waiting.values())this.send(t,e);this.waiting.clear()}};var x=(n,t,e)=>Math.min(Math.max(n,t),e);function C(n,t,e){let s=window.devicePixelRatio||1,[i,o]=[Math.round(t*s),Math.
round(e*s)];(n.width!==i||n.height!==o)&&(n.width=i,n.height=o,n.style.height=`${e}px`);let r=n.getContext("2d");return r.
setTransform(s,0,0,s,0,0),r.clearRect(0,0,t,e),r}function b(n,t,e,s,i=[],o=1){n.globalAlpha=o,n.strokeStyle=e,n.lineWidth=
s,n.lineJoin="round",n.setLineDash(i),n.beginPath();let r=!0;for(let[a,h]of t)Number.isNaN(h)?r=!0:r?(n.moveTo(a,h),r=!1):
n.lineTo(a,h);n.stroke(),n.setLineDash([]),n.globalAlpha=1}function w(n,t,e,s=1){if(!(t.length<3)){n.globalAlpha=s,n.fillStyle=
e,n.beginPath();for(let[i,o]of t)n.lineTo(i,o);n.fill(),n.globalAlpha=1}}function p(n,t,e,s,i,o,r={}){let{size:a=11,weight:h=400,
align:c="left",halo:l=!1}=r;return n.font=`${h} ${a}px ${o.font}`,n.textAlign=c,l&&(n.strokeStyle=o.paper,n.lineWidth=4,
n.lineJoin="round",n.strokeText(t,e,s)),n.fillStyle=i,n.fillText(t,e,s),n.measureText(t).width}function A(n,t,e,{size:s=11,
weight:i=400}={}){return n.font=`${i} ${s}px ${e.font}`,n.measureText(t).width}function F(n,t,e,s,i,o){n.beginPath(),n.arc(
t,e,s,0,2*Math.PI),n.fillStyle=i,n.fill(),o&&(n.strokeStyle=o,n.lineWidth=1.5,n.stroke())}function B(n,t,e,s,i,o=5){n.beginPath();
for(let[r,a]of[[0,-o],[o,0],[0,o],[-o,0]])n.lineTo(t+r,e+a);n.closePath(),n.fillStyle=s,n.fill(),n.strokeStyle=i,n.lineWidth=
1.8,n.stroke()}function et(n,t,e,s,i,o,r,a){let h=7+A(n,t,a,{weight:500})/2,c=x(e,h+1,i-h-1);return n.beginPath(),n.roundRect(
c-h,s,2*h,18,9),n.fillStyle=o,n.fill(),n.strokeStyle=a.ink,n.lineWidth=1.2,n.stroke(),p(n,t,c,s+13,r,a,{align:"center",weight:500}),
h}var bt={};var v={linear:[n=>n,n=>n],share:[n=>n,n=>n],log:[Math.log10,n=>10**n],memory:[n=>-Math.log10(1-n),n=>1-10**-n]},Ut="⁰¹²³\
⁴⁵⁶⁷⁸⁹";function g(n,t=3){let e=Math.abs(n);if(!Number.isFinite(n))return"–";if(e&&(e<95e-5||e>=1e5)){let s=Math.
floor(Math.log10(e)+1e-9),i=+(n/10**s).toPrecision(2),o=`10${s<0?"⁻":""}${[...String(Math.abs(s))].map(r=>Ut[r]).join(
"")}`;return i===1?o:`${String(i).replace("-","−")}·${o}`}return String(+n.toPrecision(t)).replace("-","−")}var y=n=>Math.
round(n).toLocaleString("en");function M(n,t,e,s){if(n==="memory")return[0,.9,.99].filter(h=>h>=t&&h<=e);let i=1e-9*(n===
"log"?t:e-t),o=h=>h.filter(c=>c>=t-i&&c<=e+i);return((n==="log"?Yt():zt(t,e)).map(o).find(h=>h.length<=s)??[]).map(h=>+h.
toPrecision(6))}function Yt(){let n=Array.from({length:24},(e,s)=>s-14),t=(e,s=1)=>n.filter(i=>i%s===0).flatMap(i=>e.map(
o=>o*10**i));return[t([1,2,5]),t([1,3]),t([1]),t([1],2),t([1],4)]}function zt(n,t){return Array.from({length:14},(s,i)=>i-
7).flatMap(s=>[1,2,5].map(i=>i*10**s)).filter(s=>(t-n)/s<=60).map(s=>{let i=Math.ceil(n/s-1e-9),o=Math.floor(t/s+1e-9)-i+
1;return Array.from({length:Math.max(0,o)},(r,a)=>(i+a)*s)})}var Jt=19;function gt(n,t,e,s){let[i,o]=[t.top,t.top+t.height],r=[[e,i],[t.x.right,i],[t.x.right,o],[e,o]];w(n,r,s.wash,
.42)}function W(n,t,e){let{scale:s,low:i,high:o}=t.plot.y;for(let r of M(s,i,o,t.height/Jt)){let a=t.y.at(r),h=[t.x.left,
t.x.right].map(l=>[l,a]);b(n,h,e.rule,1,[],.9);let c=s==="share"?`${Math.round(100*r)} %`:g(r,2);p(n,c,t.x.left-10,a+4,e.
dim,e,{align:"right"})}}function H(n,t,e,s){for(let i of e){let o=t.x.at(i),r=[t.top,t.top+t.height].map(a=>[o,a]);b(n,r,
s.rule,1,[],.55)}}function q(n,t,e,s,i,o,{say:r=y,taken:a=[]}={}){let h=t.right-(s?10+s.length*6.5:0),c=e.length?t.at(e[0]):
t.left;for(let l of e){let f=t.at(l);f>h-14&&f>c||a.some(u=>Math.abs(f-u)<42)||p(n,r(l),f,i+17,o.dim,o,{align:"center"})}
s&&p(n,s,t.right,i+17,o.dim,o,{align:"right"})}function S(n,t){let e=t[n.y]??[];return{x:dt(n.x,e.length,t)??[],y:e}}function Vt(n,t){let[e,s]=[0,n.length];for(;e<s;){
let i=e+s>>1;n[i]<=t?e=i+1:s=i}return e-1}function N(n,t,e,s){let{x:i,y:o}=S(n,t),r=Vt(i,e);return r<0&&i.length&&Array.
isArray(n.x)&&i[0]<n.x[1]&&(r=0),r<0||Number.isNaN(o[r])||e>s&&e>i[i.length-1]?null:[i[r],o[r]]}function _(n,t,e,s=!0){if(!n.
length||t<n[0][0])return null;let i=n.findIndex(([u])=>u>t);if(i<0)return s||t===n.at(-1)[0]?n.at(-1)[1]:null;let[[o,r],
[a,h]]=[n[i-1],n[i]],[c,l]=v[e],f=(t-o)/(a-o);return l(c(r)+f*(c(h)-c(r)))}function kt(n,t,e,s){let i=([o])=>e>=t?o>t&&o<=
e:o<t&&o>=e;return[...n.filter(o=>!i(o)&&o[0]!==e),[e,s]].sort((o,r)=>o[0]-r[0])}function nt(n){let{symbol:t,name:e,knob:s}=n.
lane;return n.layers.find(i=>i.look==="stairs"&&[t,e,s].includes(i.name))}function yt(n,t,e,s){let{lane:i}=n;if(e>s)return _(
i.plan,e,n.y.scale)??i.value;if(e===s)return i.value;let o=nt(n);return o?N(o,t,e,s)?.[1]??i.value:i.value}var D={solid:{width:2.2},line:{width:1.4},thin:{width:1,alpha:.42},dotted:{width:1.5,dash:[1.5,2.5]},dashed:{width:1.8,dash:[
6,3]},stairs:{width:2,steps:!0},"stairs-dashed":{width:1.5,dash:[5,3],steps:!0}},Qt=.14,Zt=.15,te={curve:ne,band:se,shade:ie,
level:re,points:ae,text:ce,arrows:le};function X(n,t,e,s){n.save(),n.beginPath(),n.rect(t.x.left-1,t.top-1,t.x.right-t.x.
left+2,t.height+2),n.clip();for(let i of t.plot.layers)te[i.kind]?.(n,t,i,e,s);n.restore()}function ee(n){return n.flatMap(
([t,e],s)=>s?[[t,n[s-1][1]],[t,e]]:[[t,e]])}function P(n,t,e){let{x:s,y:i}=S(t,e),o=Array.from(i,(r,a)=>[n.x.at(s[a]),n.
y.at(r)]);return D[t.look]?.steps?ee(o):o}function ne(n,t,e,s,i){let o=D[e.look]??D.line,r=(o.alpha??1)*(e.fade??1);b(n,
P(t,e,s),i[e.hue],o.width,o.dash,r)}function se(n,t,e,s,i){let o=u=>typeof u=="number"?null:P(t,{...e,y:u},s),[r,a]=[o(e.
low),o(e.high)],h=(u,d)=>u.map(([E,$])=>[E,Number.isNaN($)?$:t.y.at(d)]),c=a??h(r??[],e.high),l=r??h(c,e.low),f=0;for(let u=0;u<=
c.length;u++){if(u<c.length&&!Number.isNaN(c[u][1])&&!Number.isNaN(l[u][1]))continue;let d=[...c.slice(f,u),...l.slice(f,
u).reverse()];w(n,d,i[e.hue],e.fade??Qt),f=u+1}}function ie(n,t,e,s,i){let o=s[e.share]??[],{x:r}=S({...e,y:e.share},s);
n.fillStyle=i[e.hue];for(let a=0;a<o.length;a++){if(!(o[a]>0))continue;let[h,c]=oe(r,a).map(t.x.at);n.globalAlpha=Zt*o[a],
n.fillRect(h,t.top,c-h+.4,t.height)}n.globalAlpha=1}function oe(n,t){let e=t>0?n[t]-n[t-1]:(n[1]??n[0]+1)-n[0],s=t+1<n.length?
n[t+1]-n[t]:e;return[n[t]-e/2,n[t]+s/2]}function re(n,t,e,s,i){let o=t.y.at(e.y),r=D[e.look]??D.line,a=[[t.x.left,o],[t.
x.right,o]];b(n,a,i[e.hue],r.width,r.dash,(r.alpha??1)*(e.fade??1)),e.label&&st(n,t,o,e.label,i[e.hue],i)}function st(n,t,e,s,i,o){
let r=e-6>t.top+9,a={align:"right",halo:!0};p(n,s,t.x.right-4,r?e-6:e+14,i,o,a)}function ae(n,t,e,s,i){let{x:o,y:r}=S(e,
s),a=e.size??3;for(let h=0;h<r.length;h++)Number.isNaN(r[h])||he(n,e.marker,t.x.at(o[h]),t.y.at(r[h]),a,i[e.hue],i)}function he(n,t,e,s,i,o,r){
if(t==="diamond")B(n,e,s,r.paper,o,i+2);else if(t==="cross")for(let a of[1,-1]){let h=[[e-i,s-a*i],[e+i,s+a*i]];b(n,h,o,
1.4)}else t==="square"?(n.fillStyle=o,n.fillRect(e-i,s-i,2*i,2*i),n.strokeStyle=r.paper,n.lineWidth=1,n.strokeRect(e-i,s-
i,2*i,2*i)):F(n,e,s,i,o,r.paper)}function ce(n,t,e,s,i){let o=x(t.x.at(e.x),t.x.left+3,t.x.right-3),r=x(t.y.at(e.y)+4,t.
top+11,t.top+t.height-2),a={align:e.align??"left",halo:!0};p(n,e.words,o,r,i[e.hue],i,a)}function le(n,t,e,s,i){let{x:o,
y:r}=S(e,s),[a,h]=[s[e.dx]??[],s[e.dy]??[]];for(let c=0;c<a.length;c++){let l=[t.x.at(o[c]),t.y.at(r[c])],f=[t.x.at(o[c]+
a[c]),t.y.at(r[c]+h[c])];[...l,...f].every(Number.isFinite)&&fe(n,l,f,i[e.hue])}}function fe(n,t,e,s){b(n,[t,e],s,1.5);let i=Math.
atan2(e[1]-t[1],e[0]-t[0]),o=Math.min(6,Math.hypot(e[0]-t[0],e[1]-t[1])/2),r=a=>[e[0]-o*Math.cos(i+a),e[1]-o*Math.sin(i+
a)];w(n,[e,r(.5),r(-.5)],s)}var vt=12;function ue(n,t,e){n.sort((i,o)=>i.y-o.y);let s=t;for(let i of n)i.y=Math.max(i.y,s),s=i.y+vt;s=e;for(let i of[
...n].reverse())i.y=Math.min(i.y,s),s=i.y-vt;return n}function G(n,t,e){let s=[];for(let i of n.plot.layers){if(i.kind!==
"curve"||!i.label)continue;let o=P(n,i,t).findLast(([,r])=>!Number.isNaN(r));o&&s.push({x:o[0]+6,y:o[1],words:i.label,colour:e[i.
hue]})}return s}function j(n,t,e,s){for(let i of ue(e,t.top+6,t.top+t.height-6)){let o=i.x+A(n,i.words,s,{weight:500})>t.
x.right,r={halo:!0,weight:500,align:o?"right":"left"},a=o?t.x.right-3:i.x;p(n,i.words,a,i.y+4,i.colour,s,r)}}var pe=46,de=6,me=21,wt=6,xe=24,be=15,ge=.86;function it(n,t,e,s){return{left:n,right:t,at:i=>n+(i-e)/(s-e||1)*(t-n),back:i=>e+
x((i-n)/(t-n),0,1)*(s-e)}}function ot(n,t,{scale:e,low:s,high:i}){let[o,r]=v[e],[a,h]=[o(s),o(i)];return{at:c=>{if(Number.
isNaN(c))return c;let l=(o(x(c,s,i))-a)/(h-a||1);return n+t*(1-l)},back:c=>r(a+(1-x((c-n)/t,0,1))*(h-a))}}function At(n,t,e,s){
let i=it(pe,t-de,0,n.horizon),o=ke(n.turns,i,t,s),r=Math.max(0,...o.map(({line:l})=>l+1)),a=[],h=0;for(let[l,f]of n.strips.
entries()){let u=h+me+(l===0?r*be:0),d=Math.round(f.height*(e?ge:1));a.push({plot:f,head:h+14,top:u,height:d,x:i,y:ot(u,
d,f.y)}),h=u+d+wt}let c=h-wt;return{width:t,x:i,rows:a,turns:o,top:a[0]?.top??0,bottom:c,height:c+xe}}function ke(n,t,e,s){
let i=[Number.NEGATIVE_INFINITY,Number.NEGATIVE_INFINITY];return n.map(([o,r])=>{let a=s(r),h=Math.min(t.at(o),e-a-1),c=i.
findIndex(l=>l<h);return c>=0&&(i[c]=h+a+10),{step:o,words:r,left:h,line:c}})}var rt=(n,t)=>n.rows.find(e=>t>e.top-4&&t<
e.top+e.height+4);var ye=8;function O(n,t,e,s){let i=[];for(let o of n.layers){if(!o.read||i.some(h=>h.name===o.name))continue;let r=N(o,t,
e,s);if(!r)continue;let a=we(r[1],n.y.scale);i.push({name:o.name,words:a,hue:o.hue,at:r})}return n.lane&&i.push(...ve(n,
t,e,s)),i}function ve(n,t,e,s){let{lane:i}=n,o=e>s?_(i.plan,e,n.y.scale):null;if(i.knob==="guess"){let h=_(i.plan,e,n.y.
scale,!1);return h===null?[]:[{name:"your guess",words:g(h),hue:"hand",at:[e,h]}]}if(i.off)return[{name:i.symbol,words:"\
off",hue:i.hue,at:null}];let r=yt(n,t,e,s),a=o===null?i.hue:"hand";return[{name:i.symbol,words:g(r),hue:a,at:[e,r]}]}var we=(n,t)=>t===
"share"?`${(100*n).toFixed(1)} %`:g(n);function U(n,t,e,s,i=0){let{left:o,right:r}=t.x,a=t.plot.title??"",h={size:12,weight:500,
halo:!0},c=o+p(n,a,o,t.head,s.ink,s,h)+ye,l=r;for(let{name:f,words:u,hue:d}of[...e].reverse()){let E=A(n,u,s,{weight:500})+
A(n,f,s)+4;if(l-E<c+i)break;let $={align:"right",halo:!0};l-=p(n,u,l,t.head,s.ink,s,{...$,weight:500})+4,l-=p(n,f,l,t.head,
s[d],s,$)+12}return c}function Y(n,t,e,s){for(let{at:i,hue:o}of e)i&&F(n,t.x.at(i[0]),t.y.at(i[1]),3,s[o],s.paper)}var Ae=46,Ne=6,z=21,Nt=22;function Le(n,t,e){let{scale:s,low:i,high:o}=n.x,[r,a]=v[s],h=it(Ae,t-Ne,r(i),r(o)),c={...h,at:f=>h.
at(r(f)),back:f=>a(h.back(f))},l=e-z-Nt;return{plot:n,x:c,y:ot(z,l,n.y),top:z,height:l,head:14}}var Lt={height:n=>(n.height??
180)+z+Nt,paint(n,t,e,s,i,o,r){let a=Le(t,i,o);r.row=a;let h=M(t.x.scale,t.x.low,t.x.high,i<300?4:7);H(n,a,h,s),W(n,a,s);
let c=d=>g(d,3);q(n,a.x,h,t.x.label,a.top+a.height,s,{say:c}),X(n,a,e,s),j(n,a,G(a,e,s),s);let l=r.look??t.x.high,f=O(t,
e,l,r.look===void 0?1/0:-1/0);if(r.look!==void 0){let d=a.x.at(l);b(n,[[d,a.top],[d,a.top+a.height]],s.dim,1),Y(n,a,f,s)}
U(n,a,f,s),t.note&&!f.length&&p(n,t.note,a.x.right,a.head,s.dim,s,{align:"right"})},point(n,t,e){let{row:s,look:i}=n,o=s&&
t>=s.x.left&&t<=s.x.right&&e>=0;return n.look=o?s.x.back(t):void 0,i!==n.look}};var Ee={...bt,plot:Lt},J=class{constructor(t,e,{ask:s,say:i}){this.kind=e,this.painter=Ee[e],this.state={},this.say=i,this.
box=m("div",t,{className:`face-sheet face-${e}`}),this.canvas=m("canvas",this.box),this.ask=()=>{this.dirty=!0,s()},this.
dirty=!0,this.painter?.point&&this.followPointer(),this.painter?.key&&this.followKeys()}followPointer(){let t=(e,s)=>{this.
panel&&this.painter.point(this.state,e,s)&&this.ask()};this.canvas.addEventListener("pointermove",e=>t(e.offsetX,e.offsetY)),
this.canvas.addEventListener("pointerdown",e=>t(e.offsetX,e.offsetY)),this.canvas.addEventListener("pointerleave",()=>t(
-1,-1))}followKeys(){this.canvas.tabIndex=0,this.canvas.addEventListener("keydown",t=>{if(t.ctrlKey||t.metaKey||t.altKey||
!this.panel)return;let e=this.painter.key(this.state,t.key);e!=null&&(t.preventDefault(),t.stopPropagation(),e&&this.say(
e),this.ask())})}paint(t,e,s){this.panel=t,this.dirty=!1;let i=this.box.clientWidth;if(!this.painter||!i)return;let o=Math.
round(this.painter.height(t,i));this.painter.paint(C(this.canvas,i,o),t,e,s,i,o,this.state),this.describe(t)}describe(t){
let e=this.painter.describe?.(t)??[t.title,t.note].filter(Boolean).join(": "),s=this.painter.key?". Arrow keys walk thro\
ugh it, Escape ends.":"";k(this.canvas,{role:this.painter.key?"application":"img","aria-label":`${e||t.kind}${s}`})}};function Et(n,t){let e=new ResizeObserver(t);e.observe(n);let s=new AbortController,i=()=>{if(s.signal.aborted)return;let o=matchMedia(
`(resolution: ${window.devicePixelRatio}dppx)`),r=()=>{t(),i()};o.addEventListener("change",r,{once:!0,signal:s.signal})};
return i(),()=>{e.disconnect(),s.abort()}}function Mt(n,t){let e=!1,s=()=>t(e&&!document.hidden),i=new IntersectionObserver(
o=>{e=o.at(-1).isIntersecting,s()});return i.observe(n),document.addEventListener("visibilitychange",s),()=>{i.disconnect(),
document.removeEventListener("visibilitychange",s)}}function St(n){let t=matchMedia("(prefers-reduced-motion: reduce)"),
e=()=>n(t.matches);return t.addEventListener("change",e),t.matches&&e(),()=>t.removeEventListener("change",e)}function Pt(n){
let t=e=>{let s=e.ctrlKey||e.metaKey||e.altKey,i=e.shiftKey&&e.key==="Enter";!s&&!i&&e.stopPropagation()};return n.addEventListener(
"keydown",t),()=>n.removeEventListener("keydown",t)}var Me=["paper","ink","dim","rule","wash","focus"],Se=["run","run2","run3","hand","limit","pos","neg"];function $t(n){let t=getComputedStyle(
n),e=new OffscreenCanvas(1,1).getContext("2d",{willReadFrequently:!0}),s={rgb:{},font:t.fontFamily},i=t.getPropertyValue(
"--paper").trim();for(let o of[...Me,...Se]){s[o]=t.getPropertyValue(`--${o}`).trim();for(let r of[i,s[o]])e.fillStyle=r,
e.fillRect(0,0,1,1);s.rgb[o]=[...e.getImageData(0,0,1,1).data].slice(0,3)}return s}function Tt(n){let t=new MutationObserver(
n),e=["data-jp-theme-name","data-jp-theme-light","class"];for(let i of[document.body,document.documentElement])t.observe(
i,{attributeFilter:e});let s=[matchMedia("(prefers-color-scheme: dark)"),matchMedia("(forced-colors: active)")];for(let i of s)
i.addEventListener("change",n);return()=>{t.disconnect();for(let i of s)i.removeEventListener("change",n)}}function L(n,t,{start:e,move:s,end:i}){n.addEventListener("pointerdown",o=>{if(o.button||!o.isPrimary)return;let r=l=>{let f=t.
getBoundingClientRect();return[l.clientX-f.left,l.clientY-f.top]};if(e(...r(o),o)===!1)return;o.preventDefault(),n.tabIndex>=
0&&n.focus({preventScroll:!0}),n.setPointerCapture(o.pointerId);let a=new AbortController,h=(l,f)=>n.addEventListener(l,
f,{signal:a.signal}),c=l=>f=>{a.abort(),i(l,...r(f))};h("pointermove",l=>{let f=l.getCoalescedEvents?.()??[];for(let u of f.
length?f:[l])s(...r(u))}),h("pointerup",c(!0)),h("pointercancel",c(!1)),h("lostpointercapture",c(!1))})}var Pe={ArrowUp:1,ArrowDown:-1,PageUp:5,PageDown:-5},$e=.02,at=n=>Pe[n]??0;function ht(n,{y:t,lane:e}){let s=t.scale==="\
memory"?1-Number((1-n).toPrecision(2)):n,i=t.scale==="memory"?6:3;return x(Number(s.toPrecision(i)),e.low??t.low,e.high??
t.high)}function ct(n,t,e){let{scale:s,low:i,high:o}=e.y,[r,a]=v[s],h=s==="log"||s==="memory"?.05:$e*(o-i);return ht(a(r(
n)+h*t),e)}function It(n,t,{step:e,horizon:s,arrays:i}){let{lane:o}=n,r=t.get(o.knob);return r&&r[0]>e?r:o.plan.length&&
o.plan.at(-1)[0]>e?o.plan.at(-1):[Math.min(s,Math.round(e+s/10)),o.value??Te(n,i,e)]}function Te({layers:n,y:t},e,s){let i=n.
find(a=>a.read&&N(a,e,s,s));if(i)return N(i,e,s,s)[1];let[o,r]=v[t.scale];return r((o(t.low)+o(t.high))/2)}var Ie=300,De=60,Dt=14,V=class{constructor(t,e,s){this.time=t,this.knob=e;let{sheet:i,cross:o}=t,r=document.createElement(
"div");r.className="face-lane",i.insertBefore(r,o),this.box=r,this.future=m("div",r,{className:`face-future face-future-${e}`}),
this.drawByPointer(this.future),e==="threshold"&&(this.line=m("div",r,{className:"face-line"}),L(this.line,i,this.turning())),
e!=="guess"&&(this.now=T(r,"face-now",`${s} now`,h=>this.turnByKey(h)),L(this.now,i,this.turning()));let a=`${e==="guess"?
s:`planned ${s}`}, a pen: left and right move it, up and down draw, Delete clears`;this.pen=T(r,"face-pen",a,h=>this.penByKey(
h)),L(this.pen,i,this.penDrag()),this.clear=m("button",r,{type:"button",className:"face-clear"}),this.clear.textContent=
"clear",k(this.clear,{"aria-label":`clear ${e==="guess"?s:`planned ${s}`}`}),this.clear.addEventListener("click",()=>this.
clearPlan())}get row(){return this.time.layout.rows.find(t=>t.plot.lane?.knob===this.knob)}get lane(){return this.row.plot.
lane}get penAt(){return It(this.row.plot,this.time.pens,this.time.picture)}valueAt=t=>ht(this.row.y.back(t),this.row.plot);turn(t){
this.time.hand.turn(this.knob,t),this.time.outbox.later("turn",{knob:this.knob,value:t}),this.time.ask()}turning(){return{
start:(s,i)=>{this.time.hand.down=!0,this.offset=i-this.row.y.at(this.lane.value)},move:(s,i)=>this.turn(this.valueAt(i-
this.offset)),end:()=>this.time.release()}}turnByKey(t){let e=at(t);if(!e)return!1;this.turn(ct(this.lane.value,e,this.row.
plot))}stepAt(t){let{step:e,horizon:s}=this.time.picture,i=Math.max(1,Math.round(s/Ie));return x(Math.round(this.row.x.back(
t)/i)*i,e+1,s)}draw(t,e,s){let{step:i}=this.time.picture,o=this.lane.plan.filter(([r])=>r>i||this.knob==="guess");this.time.
hand.plan(this.knob,kt(o,t,e,s)),this.time.pens.set(this.knob,[e,s]),this.time.look=e,this.time.ask()}drawByPointer(t){let e=null,
s=(o,r)=>{let a=this.stepAt(o);this.draw(e??a,a,this.valueAt(r)),e=a},i=(o,r)=>{this.time.hand.down=!0,e=null,s(o,r)};L(
t,this.time.sheet,{start:i,move:s,end:o=>this.finish(o)})}penDrag(){return{start:()=>{this.time.hand.down=!0},move:(s,i)=>this.
draw(this.penAt[0],this.stepAt(s),this.valueAt(i)),end:s=>this.finish(s)}}finish(t){let{hand:e}=this.time;t&&e.planned.has(
this.knob)?this.commit(e.planned.get(this.knob).value):(e.drop(this.knob),this.time.pens.delete(this.knob)),this.time.release()}commit(t){
this.time.hand.plan(this.knob,t),this.knob==="guess"?this.time.outbox.later("guess",{points:t}):this.time.outbox.later("\
plan",{knob:this.knob,points:t})}clearPlan(){this.time.pens.delete(this.knob),this.commit([]),this.time.say("plan cleare\
d"),this.pen.focus({preventScroll:!0}),this.time.ask()}penByKey(t){if(t==="Delete"||t==="Backspace")return this.clearPlan();
let e=at(t),s={ArrowRight:1,ArrowLeft:-1}[t]??0;if(!e&&!s)return!1;let{step:i,horizon:o}=this.time.picture,[r,a]=this.penAt,
h=x(Math.round(r+s*o/De),i+1,o),c=e?ct(a,e,this.row.plot):a;this.time.pens.set(this.knob,[h,c]),(e||this.lane.plan.length)&&
(this.draw(r,h,c),this.commit(this.time.hand.planned.get(this.knob).value)),this.time.look=null,this.time.say(`step ${y(
h)}: ${g(c)}`),this.time.ask()}place(t){let{row:e,lane:s,time:i}=this;if(this.box.hidden=!e,!e)return;let{picture:o}=i,r=e.
x.at(o.step);if(tt(this.future,r+2,e.top,e.x.right-r-2,e.height),this.now&&this.placeNow(r,t),this.line){let a=s.plan.length?
r:e.x.right,h=e.y.at(s.value)-Dt/2;tt(this.line,e.x.left,h,a-e.x.left,Dt)}this.placePen(),k(this.clear,{left:`${e.titleEnd}\
px`,top:`${e.head-13}px`}),this.clear.hidden=!s.plan.length}placeNow(t,e){let{low:s,high:i,value:o,off:r,hue:a}=this.lane,
h=r?`off, at ${g(o)}`:g(o),c=e[a];I(this.now,t,this.row.y.at(o),{value:o,words:h,low:s,high:i,colour:c})}placePen(){let{
row:t,lane:e}=this,[s,i]=this.penAt,o=`step ${y(s)}, ${g(i)}`,[r,a]=[e.low??t.plot.y.low,e.high??t.plot.y.high];I(this.pen,
t.x.at(s),t.y.at(i),{value:i,words:o,low:r,high:a}),this.pen.classList.toggle("face-drawn",e.plan.length>0)}};var Ot={past:.11,plan:.14};function Rt(n,t,e,s,i){let{lane:o}=t.plot,r=o?.fill&&nt(t.plot);if(!r)return;let a=P(t,r,e);if(!a.
length)return;let h=[t.x.at(s),a.at(-1)[1]];w(n,Bt([...a,h],t),i[r.hue],Ot.past)}function Kt(n,t,e,s){let{lane:i}=t.plot;
if(!i)return;if(i.knob==="guess")return Ke(n,t,s);if(i.off)return Oe(n,t,s);let o=i.plan.filter(([r])=>r>=e);if(o.length)
Re(n,t,o,e,s);else{let r=t.y.at(i.value),a=[t.x.at(e),t.x.right].map(h=>[h,r]);b(n,a,s[i.hue],1.5,[2,4],.7)}}function Oe(n,t,e){
let{lane:s}=t.plot,i=t.y.at(s.value),o=[t.x.left,t.x.right].map(r=>[r,i]);b(n,o,e[s.hue],1,[2,5],.8),st(n,t,i,"drag down\
 to clip",e[s.hue],e)}function Re(n,t,e,s,i){let{lane:o}=t.plot,r=([h,c])=>[t.x.at(h),t.y.at(c)],a=[[s,o.value],[e[0][0],
o.value],...e].map(r);a.push([t.x.right,a.at(-1)[1]]),o.fill&&w(n,Bt(a,t),i.hand,Ot.plan),b(n,a,i.hand,2.5)}function Ke(n,t,e){
let s=t.plot.lane.plan.map(([i,o])=>[t.x.at(i),t.y.at(o)]);b(n,s,e.hand,4)}function Ct(n,t){let{lane:e}=n.plot;if(e?.knob!==
"guess"||!e.plan.length)return[];let[s,i]=e.plan.at(-1),o=e.score?`your guess: ${e.score}`:"your guess",r=n.x.at(s),a=r>
n.x.right-150?16:0;return[{x:r+10,y:n.y.at(i)+a,words:o,colour:t.hand}]}function Ft(n,t,e,s){let{hint:i,lane:o}=t.plot,r=t.
x.right-t.x.at(e);if(!i||o?.plan.length||r<i.length*6+16)return;let a=t.x.at(e)+r/2;p(n,i,a,t.top+t.height-8,s.dim,s,{align:"\
center"})}var Bt=(n,t)=>[...n,[n.at(-1)[0],t.top+t.height],[n[0][0],t.top+t.height]];var Ce=50;function Wt(n,t,e,s,i){let{x:o,rows:r}=e,a=M("linear",0,t.horizon,e.width<420?4:7);for(let c of r)gt(n,c,o.at(
t.step),s),H(n,c,a,s),W(n,c,s);let h=[t.step,i].filter(c=>c!==null).map(o.at);q(n,o,a,"step",e.bottom,s,{taken:h}),We(n,
t,e,s);for(let c of r)Fe(n,c,t,s);He(n,t,e,s),qe(n,t,e,s),i!==null&&_e(n,i,e,s);for(let c of r)Be(n,c,t,s,i)}function Fe(n,t,{
step:e,arrays:s},i){Rt(n,t,s,e,i),X(n,t,s,i),Kt(n,t,e,i),Ft(n,t,e,i),j(n,t,[...G(t,s,i),...Ct(t,i)],i)}function Be(n,t,{
step:e,arrays:s},i,o){let r=O(t.plot,s,o??e,e),a=t.plot.lane?.plan.length?Ce:0;t.titleEnd=U(n,t,r,i,a),o!==null&&Y(n,t,r,
i)}function lt(n,t,e,s,i,o,r,a){b(n,[[t,e],[t,s]],i,o,r,a)}function We(n,{turns:t,step:e},{x:s,top:i,bottom:o},r){for(let[
a]of t)lt(n,s.at(a),i-4,o,r.ink,1,[1,3],a<=e?.55:.25)}function He(n,{step:t,arrays:e},{x:s,rows:i,turns:o},r){let[a]=i,h=a?.
plot.layers.filter(c=>c.mark)??[];for(let{step:c,words:l,left:f,line:u}of o){n.globalAlpha=c<=t?1:.45;for(let d of h){let E=N(
d,e,c,t);E&&B(n,s.at(c),a.y.at(E[1]),r.paper,r[d.hue])}u>=0&&p(n,l,f,a.head+17+14*u,r.ink,r),n.globalAlpha=1}}function qe(n,{
step:t},{x:e,top:s,bottom:i,width:o},r){lt(n,e.at(t),s,i,r.ink,1.2),et(n,y(t),e.at(t),i+4,o,r.paper,r.ink,r)}function _e(n,t,{
x:e,top:s,bottom:i,width:o},r){lt(n,e.at(t),s,i,r.dim,1),et(n,y(t),e.at(t),i+4,o,r.ink,r.paper,r)}function Ht(n,t){let e=n.
strips.flatMap(s=>O(s,n.arrays,t,n.step).map(({name:i,words:o})=>`${i} ${o}`));return`step ${y(t)}. ${e.join(", ")}`}var Xe={plain:30,shift:150},Q=class{constructor(t,{hand:e,outbox:s,ask:i,say:o}){Object.assign(this,{hand:e,outbox:s,ask:i,
say:o}),this.look=null,this.pens=new Map,this.lanes=new Map,this.sheet=m("div",t,{className:"face-sheet face-time"}),this.
canvas=m("canvas",this.sheet),k(this.canvas,{role:"img"});let r="crosshair: left and right read the curves, Enter goes t\
o that step";this.cross=T(this.sheet,"face-cross",r,(a,h)=>this.readByKey(a,h)),this.cross.addEventListener("blur",()=>this.
lookAt(null)),L(this.canvas,this.sheet,this.going()),L(this.cross,this.sheet,this.going()),this.sheet.addEventListener("\
pointermove",a=>this.hover(a)),this.sheet.addEventListener("pointerleave",()=>this.lookAt(null))}lookAt(t){t===this.look||
this.hand.down||(this.look=t,this.ask())}hover(t){if(!this.layout||t.pointerType==="touch")return;let e=this.sheet.getBoundingClientRect(),
[s,i]=[t.clientX-e.left,t.clientY-e.top],{left:o,right:r}=this.layout.x,a=s>o-4&&s<r+4&&rt(this.layout,i);this.lookAt(a?
Math.round(this.layout.x.back(s)):null)}stepAt=t=>x(Math.round(this.layout.x.back(t)),0,Math.max(this.known,0));get known(){
return Math.max(this.picture.end,this.picture.step)}going(){let t=!0,e=o=>{let r=this.stepAt(o);r!==this.picture.step&&(this.
hand.goTo(r),t&&this.outbox.later("go_to",{step:r}),this.ask())};return{start:(o,r,a)=>{if(!this.layout||a.target===this.
canvas&&!rt(this.layout,r))return!1;t=a.pointerType!=="touch",this.look=null,this.hand.down=!0,a.target===this.canvas&&e(
o)},move:e,end:o=>{let r=this.hand.gone.get("step")?.value;o?!t&&r!==void 0&&this.outbox.later("go_to",{step:r}):this.hand.
drop(),this.release()}}}release(){this.hand.down=!1,this.ask()}readByKey(t,e){if(t==="Enter"){let a=x(this.look??this.picture.
step,0,this.known);return this.hand.goTo(a),this.outbox.later("go_to",{step:a}),this.look=null,this.ask()}let s=Xe[e?"sh\
ift":"plain"],i={ArrowLeft:-1,ArrowRight:1,ArrowDown:-1,ArrowUp:1,PageUp:5,PageDown:-5},o={Home:0,End:this.known};if(!(t in
i)&&!(t in o))return!1;let r=this.look??this.picture.step;this.look=o[t]??x(r+i[t]*s,0,this.picture.horizon),this.say(Ht(
this.picture,this.look)),this.ask()}paint(t,e,s){this.picture=t;let i=this.sheet.clientWidth,o=a=>A(this.canvas.getContext(
"2d"),a,e);this.layout=At(t,i,s,o);let r=C(this.canvas,i,this.layout.height);Wt(r,t,this.layout,e,this.look),this.place(
e)}place(t){for(let{lane:c}of this.picture.strips)!c||this.lanes.has(c.knob)||this.lanes.set(c.knob,new V(this,c.knob,c.
name));for(let c of this.lanes.values())c.place(t);let{horizon:e,strips:s}=this.picture,i=this.look??this.picture.step,[
o,r]=[this.layout.x.at(this.picture.step),this.layout.bottom+13],a=`step ${y(i)}`;I(this.cross,o,r,{value:i,words:a,low:0,
high:e});let h=s.map(c=>c.title).join(", ");k(this.canvas,{"aria-label":`Over the steps: ${h}. The sliders read and turn\
 them.`})}};var qt=700,Ge=520,je=3,Ue="The kernel no longer answers: run this cell again.";function _t({model:n,el:t}){let e=new ft(
n,t);return()=>e.dispose()}var ft=class{constructor(t,e){this.model=t,this.root=e,e.classList.add("face-view"),this.outbox=
new K(t,Math.random().toString(36).slice(2),()=>this.failed()),this.hand=new R(()=>this.ask()),this.build(e),this.fresh=
!0,this.acked=0,this.seen=!1,this.frame=0,this.watch(t,e),e.face={paints:0,lastSeq:0,picture:null,geometry:null}}build(t){
let e={hand:this.hand,outbox:this.outbox},s=i=>{this.live.textContent=i};this.panelTools={say:s,ask:()=>this.schedule()},
this.sheets=m("div",t,{className:"face-sheets"}),this.time=new Q(this.sheets,{...e,say:s,ask:()=>this.ask()}),this.places=
{side:{box:m("div",this.sheets,{className:"face-side"}),sheets:[]},below:{box:m("div",t,{className:"face-below"}),sheets:[]}},
this.dead=m("p",t,{className:"face-dead",hidden:!0}),this.dead.setAttribute("role","status"),this.live=m("div",t,{className:"\
face-live"}),this.live.setAttribute("role","status"),this.live.setAttribute("aria-live","polite")}watch(t,e){let s=()=>{
this.fresh=!0,this.dead.hidden=!0,this.ask()};t.on("change:frame",s),this.stops=[()=>t.off("change:frame",s),Et(e,()=>this.
resized()),Mt(e,i=>this.sight(i)),Tt(()=>this.recolour()),St(i=>this.outbox.send("calm",{on:i}))]}ask(){this.timeDirty=!0,
this.schedule()}schedule(){this.frame||=requestAnimationFrame(()=>{this.frame=0,this.paint()})}resized(){this.keys||(this.
keys=Pt(this.root.closest(".face")??this.root),this.stops.push(this.keys));let t=this.root.clientWidth;this.root.classList.
toggle("face-narrow",t<qt),this.root.classList.toggle("face-tight",t<Ge),this.repaint()}recolour(){this.theme=null,this.
repaint()}repaint(){for(let{sheets:t}of Object.values(this.places))for(let e of t)e.dirty=!0;this.ask()}sight(t){t!==this.
seen&&(this.seen=t,this.outbox.send("see",{seq:t?this.root.face.lastSeq:null}),t&&this.schedule())}paint(){if(!this.seen||
!this.root.clientWidth||(this.fresh&&this.read(),!this.picture))return;this.theme??=$t(this.root);let t=this.hand.shown(
this.picture);this.timeDirty&&t.strips.length&&this.time.paint(t,this.theme,this.root.clientWidth<qt),this.timeDirty=!1;
for(let e of["side","below"])this.paintPanels(this.places[e],t[e]??[]);this.note(t),this.confirm()}read(){this.fresh=!1;
let t=pt(this.model.get("frame"));if(t){this.picture=t,this.time.sheet.hidden=!t.strips.length;for(let e of["side","belo\
w"])this.match(this.places[e],t[e]??[]);this.repaint()}}match(t,e){for(let[s,i]of e.entries())if(t.sheets[s]?.kind!==i.kind){
for(let o of t.sheets.splice(s))o.box.remove();t.sheets.push(new J(t.box,i.kind,this.panelTools))}for(let s of t.sheets.
splice(e.length))s.box.remove();t.box.hidden=!e.length}paintPanels({sheets:t},e){for(let[s,i]of t.entries())i.dirty&&i.paint(
e[s],this.picture.arrays,this.theme)}note(t){let{face:e}=this.root;e.paints+=1,e.lastSeq=this.picture.seq,e.picture=t,e.
geometry=this.time.layout}confirm(){let{seq:t}=this.picture;t<this.acked&&(this.acked=0),!(t-this.acked<je)&&(this.acked=
t,this.outbox.send("ack",{seq:t}))}failed(){this.dead.hidden=!1,this.dead.textContent=Ue}dispose(){cancelAnimationFrame(
this.frame),this.outbox.flush();for(let t of this.stops)t();this.seen&&this.outbox.send("see",{seq:null})}};var Ls={render:_t};export{Ls as default};
